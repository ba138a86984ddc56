#include "tests/simulation/rules/invariants.hpp"

#include <algorithm>

namespace muster::simulation {

invariants::seen invariants::look(const raft::core& c) {
  return {c.role_now(),       c.hard().term,           c.commit_index(),
          c.entries().last(), c.entries().last_term(), c.members()};
}

/// Entries are appended behind the last one, or by an append request behind its previous index.
log_index invariants::first_changed(const step& s) {
  auto from = s.before.last + 1;
  if (const auto* r = std::get_if<raft::received>(&s.in))
    if (const auto* a = std::get_if<raft::append_request>(&r->msg.body))
      from = std::min(from, a->previous_index + 1);
  return std::max(from, s.core.entries().start().index + 1);
}

bool invariants::has_majorities(const raft::configuration& members,
                                const std::function<bool(member_id)>& has) {
  for (const auto* set : {&members.voters, &members.outgoing}) {
    const auto count = static_cast<std::size_t>(std::count_if(set->begin(), set->end(), has));
    if (!set->empty() && count * 2 <= set->size()) return false;
  }
  return !members.voters.empty();
}

void invariants::fail(const std::string& rule, const std::string& what) {
  static const std::set<std::string> outcomes{"state_machine_safety",
                                              "apply_is_deterministic",
                                              "read_sees_acknowledged_writes",
                                              "history",
                                              "progress",
                                              "agreement"};
  if (only_outcomes_ && !outcomes.contains(rule)) return;
  if (violation_.empty()) violation_ = rule + ": " + what;
}

void invariants::started(member_id id, const raft::core& c) {
  auto& before = seen_[id];
  const auto now = look(c);
  term_is_monotone(id, durable_[id].term, now.term);
  if (c.hard().term == durable_[id].term && c.hard().vote != durable_[id].vote)
    fail("one_vote_a_term", "a restart has changed a synced vote");
  before = now;
  forget_untold_terms(id, now.term);
  const raft::input start = raft::tick{};
  log_matching({id, c, start, before, now, c.entries().start().index + 1});
}

void invariants::stepped(member_id id, const raft::core& c, const raft::input& in) {
  auto& before = seen_[id];
  step s{id, c, in, before, look(c), {}};
  s.changed = first_changed(s);
  ++checks_;
  term_is_monotone(id, before.term, s.now.term);
  leader_append_only(s);
  log_matching(s);
  log_terms_and_stamps_rise(s);
  leader_stays_leader_in_its_term(s);
  election_safety(s);
  leader_completeness(s);
  new_configurations(s);
  commit_is_monotone(s);
  commit_by_count_is_of_own_term(s);
  commit_is_durable_on_a_quorum(s);
  committed_entries_agree(s);
  bounds_are_in_order(s);
  before = std::move(s.now);
}

void invariants::sending(member_id id, const raft::core& c, const raft::message& m) {
  vote_is_durable_before_reply(id, m);
  append_reply_is_durable(id, c, m);
  if (std::holds_alternative<raft::append_request>(m.body) ||
      std::holds_alternative<raft::heartbeat>(m.body) ||
      std::holds_alternative<raft::snapshot_offer>(m.body))
    leader_has_durable_votes_of_a_quorum(m.term);
}

void invariants::synced(member_id id) {
  const auto& hard = disks_.at(id)->hard();
  term_is_monotone(id, durable_[id].term, hard.term);
  one_vote_a_term(id);
  durable_[id] = hard;
}

void invariants::applied(member_id id, const raft::entry& e, const saved_state& state) {
  state_machine_safety(id, e);
  apply_is_deterministic(id, state);
  chain_tells(id, state);
}

void invariants::installed(member_id id, const saved_state& state) {
  if (state.is_wrong) wrong_prevails_ = true;
  apply_is_deterministic(id, state);
  chain_tells(id, state);
}

void invariants::condemned(member_id id, const saved_state& state, bool most_are_right) {
  if (!state.is_wrong && most_are_right && !wrong_prevails_)
    fail("no_right_member_is_condemned",
         std::to_string(id.value) + " was, at " + std::to_string(state.meta.index.value));
}

void invariants::acknowledged(log_index at) {
  if (at > committed_last()) fail("acknowledged_is_committed", "a client was told too early");
  acknowledged_ = std::max(acknowledged_, at);
}

void invariants::read(log_index floor, log_index index) {
  if (index < floor)
    fail("read_sees_acknowledged_writes",
         "a read is answered as of " + std::to_string(index.value) + ", and " +
             std::to_string(floor.value) + " was acknowledged before it began");
}

}  // namespace muster::simulation
