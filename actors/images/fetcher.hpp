#pragma once
#include "actors/node/node.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace muster::images {

/// Gets image files from members that have them: in the thread that asks, a few at a time, each
/// file once however many ask for it. Thread-safe.
class fetcher {
public:
  fetcher(node::node& server, std::string data_dir)
      : server_(server), data_dir_(std::move(data_dir)) {}

  /// The file is here, and its record says so. A file that is here is asked of nobody.
  /// @errors errc::not_found, errc::unavailable, errc::timed_out
  status fetch(project_id project, const std::string& fingerprint);

private:
  struct transfer {
    bool is_over = false;
    status how = ok();
  };
  status get(const image& row, const state_view& view, node::clock::time_point deadline);
  status download_any(const image& row, const state_view& view, node::clock::time_point deadline);
  status download(const member& from, const image& what, node::clock::time_point deadline);

  node::node& server_;
  const std::string data_dir_;
  std::mutex lock_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<transfer>> transfers_;  ///< by fingerprint
  std::size_t running_ = 0;
};

}  // namespace muster::images
