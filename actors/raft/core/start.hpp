#pragma once
#include "actors/raft/core/raft_io.hpp"

namespace muster::raft {

struct start_plan {
  start_state start;
  bool log_begins_anew = false;  ///< the disk's log goes: a snapshot was installed in its place
};

/// What a member begins with after a stop at any point: its log and its state as the disk has them.
/// @errors errc::corrupt: the state is older than the beginning of the log.
result<start_plan> plan_start(hard_state hard, snapshot_meta log_start, std::vector<entry> entries,
                              const snapshot_meta& state);

}  // namespace muster::raft
