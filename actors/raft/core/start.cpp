#include "actors/raft/core/start.hpp"

namespace muster::raft {

result<start_plan> plan_start(hard_state hard, snapshot_meta log_start, std::vector<entry> entries,
                              const snapshot_meta& state) {
  if (state.index < log_start.index)
    return fail(errc::corrupt,
                "the state is older than the beginning of the log: this member's disk was changed "
                "from outside; remove its data directory and let it join again with a new token");
  const auto place = state.index.value - log_start.index.value;
  const bool holds_it = place == 0
                            ? log_start.term == state.term
                            : place <= entries.size() && entries[place - 1].term == state.term;
  start_plan plan;
  plan.start.hard = hard;
  plan.start.applied = state.index;
  plan.start.digest = state.digest;
  plan.log_begins_anew = !holds_it;
  if (holds_it) {
    plan.start.snapshot = std::move(log_start);
    plan.start.entries = std::move(entries);
  } else {
    plan.start.snapshot = state;
  }
  return plan;
}

}  // namespace muster::raft
