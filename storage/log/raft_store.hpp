#pragma once
#include "storage/log/log_file.hpp"
#include "storage/log/log_replay.hpp"

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace muster::storage {

/// Term, vote and entries of one member, in files of records that are written one after the other.
/// One synced record a write: when it returns, all of it is durable. Used by the log writer's
/// thread only.
class raft_store {
public:
  using contents = log_replay::contents;

  /// Opens or makes the store. A torn end (a write that never finished) is cut.
  /// @errors errc::corrupt: a damaged middle, a gap; the sentence says what to do. errc::refused:
  /// another process has it.
  static result<std::unique_ptr<raft_store>> open(const std::string& folder);
  ~raft_store();

  /// What the disk held when the store was opened; gives it away.
  contents take_contents() { return std::move(contents_); }

  /// With `begins_behind` all entries go and the log begins anew behind it: a snapshot took their
  /// place. Entries at and behind entries.front().index are replaced.
  /// @errors errc::corrupt: the disk refused; the member must stop before it answers anything.
  status write(const std::optional<raft::hard_state>& hard,
               const std::optional<raft::snapshot_meta>& begins_behind,
               const std::vector<raft::entry>& entries);
  /// Drops the entries up to start.index; the log begins behind it.
  status compact(const raft::snapshot_meta& start);

private:
  using file_ptr = std::unique_ptr<log_file>;
  raft_store(std::string folder, int lock);
  status load();
  status drop_unbegun(std::set<std::uint64_t>& files) const;
  status load_file(std::uint64_t number, bool is_last, log_replay& into);
  status put(std::string& record);
  status begin_file(std::size_t record_bytes);
  result<file_ptr> next_file(std::size_t size_bytes_min);
  void prepare_next();
  void drop_files_before(log_index begins);

  const std::string folder_;
  const descriptor lock_;
  contents contents_;
  raft::hard_state hard_;
  raft::snapshot_meta start_;
  log_index last_;
  std::map<std::uint64_t, log_index> ended_;  ///< files before the current one: highest index
  file_ptr current_;
  log_index highest_;  ///< in it
  std::future<result<file_ptr>> next_;
  std::string record_;
};

}  // namespace muster::storage
