#include "actors/raft/core/raft_core.hpp"

#include <algorithm>

/// A member whose applied state differs from the one of a quorum: its log is right, so its votes
/// and what it holds stay useful; its state is not applied to, shown or sent to anybody until
/// another one has taken its place (docs/decisions/0006).
namespace muster::raft {

void core::hear_chain(member_id from, progress& p, chain_point said, output& out) {
  if (condemned_) return;
  judge_.hear(from, said, digests_);
  const bool is_wrong = p.is_condemned || verdict_on(from).digest != 0;
  if (is_wrong == p.is_noted || (!is_wrong && judge_.differs(from))) return;
  p.is_noted = is_wrong;
  out.standings.emplace_back(from, is_wrong);
}

/// None from a leader that is condemned itself.
chain_point core::verdict_on(member_id id) const {
  if (condemned_) return {};
  return judge_.condemned(id, members_, with_.self).value_or(chain_point{});
}

/// What is said of a state that is not here any more is of no account.
void core::hear_verdict(chain_point differs, output& out) {
  if (!condemned_ && differs.digest != 0 && digests_.at(differs.index) == differs.digest)
    condemn(out);
}

void core::condemn(output& out) {
  condemned_ = true;
  whole_from_.reset();
  ask_ticks_ = 0;
  out.status_changed = true;
}

void core::judge_self(output& out) {
  if (!condemned_ && judge_.sees_difference() && judge_.is_own_wrong(members_)) condemn(out);
  if (!condemned_) return;
  if (ask_ticks_ > 0) --ask_ticks_;
  if (!transfer_to_) hand_over(out);
}

/// A leader that is condemned leads only until another voter can. Where a quorum has condemned it,
/// that is one of those who differ. If no other voter is left it takes the state of a learner.
void core::hand_over(output& out) {
  const auto& voters = members_.voters;
  member_id best;
  std::tuple<bool, bool, log_index> best_is;
  for (const auto& [id, p] : progress_) {
    if (p.is_condemned || p.ticks_silent >= with_.election_ticks) continue;
    const std::tuple is{std::binary_search(voters.begin(), voters.end(), id), judge_.differs(id),
                        p.match};
    if (best && is <= best_is) continue;
    best = id;
    best_is = is;
  }
  if (best && std::get<0>(best_is))
    on(transfer{best}, out);
  else if (best)
    ask_for_state(best, out);
}

/// The driver fetches the other's state as it is when it is asked; one that is older than the own
/// does not do, and it is asked again.
void core::ask_for_state(member_id from, output& out) {
  if (whole_from_ || ask_ticks_ > 0) return;
  ask_ticks_ = 2 * with_.election_ticks;
  snapshot_meta wanted;
  wanted.index = applied_;
  out.fetch_snapshot = wanted;
  out.fetch_from = from;
}

/// Entries go to apply again from the new state on. What this member was known to have applied it
/// has to apply anew before it serves.
void core::replace_state(const snapshot_meta& by) {
  given_ = by.index;
  whole_from_ = std::max(commit_, by.index);
}

void core::serve_when_whole(output& out) {
  if (!condemned_ || !whole_from_ || applied_ < *whole_from_) return;
  condemned_ = false;
  whole_from_.reset();
  out.status_changed = true;
}

}  // namespace muster::raft
