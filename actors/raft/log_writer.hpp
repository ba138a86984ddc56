#pragma once
#include "actors/raft/raft_messages.hpp"
#include "storage/log/raft_store.hpp"

#include <functional>

namespace muster::raft {

/// Ends the process: the disk can no longer be trusted, so nothing may be answered any more.
using stop_member = std::function<void(const failure&)>;

struct log_writer_state {
  std::shared_ptr<storage::raft_store> store;
  stop_member stop;
  static inline const char* name = "log-writer";
};

/// Owns the raft store. Runs detached: it waits for the disk. Answers `batch_written` to the raft
/// actor, which asked; a failed write stops the member.
log_writer_handle::behavior_type log_writer(
    log_writer_handle::stateful_pointer<log_writer_state> self,
    std::shared_ptr<storage::raft_store> store, stop_member stop);

}  // namespace muster::raft
