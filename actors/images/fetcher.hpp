#pragma once
#include "actors/node/node.hpp"
#include "storage/images/incoming_image.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace muster::images {

/// Gets image files from members that have them: in the thread that asks, a few at a time, each
/// file once however many ask for it. Thread-safe.
class fetcher {
public:
  fetcher(node::node& server, std::string data_dir)
      : server_(server), data_dir_(std::move(data_dir)) {}

  /// The file is here, and the records of all projects say so. A file that is here is asked of
  /// nobody. @errors errc::not_found, errc::unavailable, errc::timed_out
  status fetch(project_id project, const std::string& fingerprint);
  /// The same for whatever project. @param sources whom to ask first, in this order
  status fetch_file(const std::string& fingerprint, const std::vector<member_id>& sources);

  /// Drops the note that the file is here, if it is not and another member has one.
  status note_missing(const std::string& fingerprint);

  /// For another member: how the file here is cut, or the one that comes. @errors errc::not_found
  result<std::string> chunks_of(const std::string& fingerprint);
  /// Of a file that has just been made here: it need not be read for that.
  void know_chunks(const std::string& fingerprint, const storage::image_chunks& how);
  /// The file that comes, for whoever it is passed on to; null: none does.
  std::shared_ptr<storage::incoming_image> coming(const std::string& fingerprint) const;
  /// What comes: fingerprint → bytes here, bytes in all.
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> all_coming() const;
  /// Reads the file here; a damaged one goes if another member has one, and the records say so.
  /// True: it was good.
  result<bool> check(const std::string& fingerprint);

private:
  struct transfer {
    bool is_over = false;
    status how = ok();
    std::shared_ptr<storage::incoming_image> file;
  };
  status locate(const std::string& fingerprint, bool is_here);
  status get(const std::string& fingerprint, const std::vector<member_id>& sources,
             node::clock::time_point deadline);
  status get_from_any(const std::string& fingerprint, std::vector<member_id> sources,
                      node::clock::time_point deadline);
  status get_from(const member& from, const std::string& fingerprint,
                  node::clock::time_point deadline);
  std::set<member_id> holders_of(const std::string& fingerprint) const;
  [[nodiscard]] failure nobody_has(const std::set<member_id>& holders) const;
  void tell_damaged(const member& where, const std::string& fingerprint) const;

  node::node& server_;
  const std::string data_dir_;
  mutable std::mutex lock_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<transfer>> transfers_;  ///< by fingerprint
  std::map<std::string, std::string> described_;                ///< chunks of files here, a few
  std::size_t running_ = 0;
};

}  // namespace muster::images
