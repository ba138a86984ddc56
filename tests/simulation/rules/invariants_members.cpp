#include "tests/simulation/rules/invariants.hpp"

#include <algorithm>

namespace muster::simulation {

namespace {

bool holds(const std::vector<member_id>& sorted, member_id id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

}  // namespace

/// Raft §6: the last configuration in the log counts, committed or not.
void invariants::configuration_in_force_is_the_last(const step& s) {
  if (s.core.entries().members().first != s.core.members())
    fail("configuration_in_force_is_the_last",
         "member " + std::to_string(s.id.value) + " follows another than its log says");
}

/// Raft §6: from a set to joint, from joint to its incoming set, nothing else.
void invariants::change_goes_through_joint(const step& s, const raft::configuration& next) {
  const auto& now = s.before.members;
  const bool enters = !now.is_joint() && next.outgoing == now.voters;
  const bool leaves = now.is_joint() && !next.is_joint() && next.voters == now.voters;
  if (!enters && !leaves)
    fail("change_goes_through_joint",
         "leader " + std::to_string(s.id.value) + " changes voters without both majorities");
}

/// Of all configurations in a leader's log at most one is not yet committed by anybody.
void invariants::one_change_in_flight(const step& s) {
  std::size_t open = 0;
  const auto& log = s.core.entries();
  for (auto i = std::max(committed_last(), log.start().index) + 1; i <= log.last(); i = i + 1)
    if (log.at(i).kind == raft::entry_kind::configuration && i > s.now.commit) ++open;
  if (open > 1)
    fail("one_change_in_flight",
         std::to_string(open) + " changes are in flight at leader " + std::to_string(s.id.value));
}

/// Thesis §4.2.1: who gets a vote holds, on disk, what was committed when it was chosen.
void invariants::promoted_has_caught_up(const step& s, const raft::configuration& next) {
  if (!next.is_joint()) return;
  const auto commit = s.before.commit;
  const auto term = s.core.entries().term_at(commit);
  for (const auto id : next.voters) {
    if (holds(s.before.members.voters, id) || id == s.id) continue;
    const auto at = disks_.find(id);
    if (at == disks_.end() || !term || !at->second->holds(commit, *term))
      fail("promoted_has_caught_up",
           "member " + std::to_string(id.value) + " gets a vote and lacks committed entries");
  }
}

void invariants::new_configurations(const step& s) {
  const auto& log = s.core.entries();
  bool is_touched = s.now.last < s.before.last || !(s.now.members == s.before.members);
  for (auto i = s.changed; i <= log.last(); i = i + 1) {
    const auto& e = log.at(i);
    if (e.kind != raft::entry_kind::configuration) continue;
    is_touched = true;
    if (s.before.role != raft::role::leader || e.term != s.before.term || i <= s.before.last)
      continue;
    change_goes_through_joint(s, *e.members);
    one_change_in_flight(s);
    promoted_has_caught_up(s, *e.members);
  }
  if (is_touched) configuration_in_force_is_the_last(s);
}

}  // namespace muster::simulation
