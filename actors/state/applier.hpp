#pragma once
#include "actors/raft/log_writer.hpp"
#include "actors/raft/raft_messages.hpp"
#include "actors/raft/write_waiters.hpp"
#include "actors/state/state_holder.hpp"

#include <functional>
#include <string>

namespace muster::state {

struct applier_settings {
  member_id self;
  incarnation started;
  std::string data_dir;
  std::shared_ptr<state_holder> holder;
  std::shared_ptr<raft::write_waiters> waiters;
  /// Called on the applier's thread after a group is in the store; must not block.
  std::function<void(const std::vector<event>&)> show_events;
  /// Rows changed in a group; must not block.
  std::function<void(const row_changes&)> show_changes;
  std::function<void()> show_replaced;  ///< by a snapshot
  /// Members, or the configuration of the log, have changed in a group; must not block.
  std::function<void()> show_members;
  std::function<std::shared_ptr<storage::state_store>()> reopen;
  /// Where the downloaded snapshot stands.
  std::function<result<raft::snapshot_meta>()> look_at_incoming;
  std::uint32_t level =
      1;  ///< of this build: nothing is applied behind an entry that raises the cluster's above
  bool is_blocked = false;  ///< it was raised above
  std::function<void()> show_blocked;
  bool is_condemned = false;  ///< the state is known to be wrong
  raft::stop_member stop;
};

struct applier_state {
  applier_settings with;
  static inline const char* name = "applier";
};

/// Applies committed entries in order, a group in one batch, then answers those who wait. Owns
/// writing to the state store. Runs detached.
raft::applier_handle::behavior_type applier(
    raft::applier_handle::stateful_pointer<applier_state> self, applier_settings with);

}  // namespace muster::state
