#pragma once
#include "storage/rows/state_store.hpp"
#include "storage/snapshots/snapshot_manifest.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace muster::storage {

/// Checkpoints of this member's state that others fetch. They are kept for a while, so that who was
/// cut off can go on, and are few: each holds the disk space of files that the state itself has
/// dropped since. Thread-safe.
class outgoing_snapshots {
public:
  using clock = std::chrono::steady_clock;
  explicit outgoing_snapshots(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  /// The manifest of one that holds `at_least`: a kept one, or else a new one of `store`.
  /// @errors errc::busy while others are made or sent
  result<std::string> offer(const state_store& store, log_index at_least, clock::time_point now);
  /// @errors errc::not_found if it is not kept (any more) or has no such chunk.
  result<std::string> chunk(const std::string& id, std::size_t n, clock::time_point now);
  /// The state they were made of has turned out to be wrong, or has been replaced.
  void forget();
  void drop_unused(clock::time_point now);
  /// Where the oldest stands that somebody fetches: whoever installs it needs the log behind it.
  [[nodiscard]] std::optional<log_index> oldest_in_use(clock::time_point now) const;

private:
  /// Removes its directory when nobody reads from it any more.
  struct snapshot {
    std::string directory;
    snapshot_manifest manifest;
    clock::time_point asked;
    snapshot(std::string where, snapshot_manifest what, clock::time_point now)
        : directory(std::move(where)), manifest(std::move(what)), asked(now) {}
    ~snapshot();
    snapshot(const snapshot&) = delete;
    snapshot& operator=(const snapshot&) = delete;
  };

  // With `lock_` held.
  std::shared_ptr<snapshot> find(log_index at_least, clock::time_point now);
  /// What has to go for a new one, if anything; its files are removed by the last who lets it go,
  /// without the lock: the raft actor takes it, too.
  [[nodiscard]] result<std::shared_ptr<snapshot>> make_room(clock::time_point now);

  result<std::shared_ptr<snapshot>> make(const state_store& store, const std::string& directory,
                                         log_index at_least, clock::time_point now) const;

  const std::string data_dir_;
  mutable std::mutex lock_;
  std::condition_variable made_one_;
  bool is_making_ = false;  ///< one at a time
  std::uint64_t made_ = 0;
  std::vector<std::shared_ptr<snapshot>> kept_;
};

}  // namespace muster::storage
