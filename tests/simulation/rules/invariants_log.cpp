#include "tests/simulation/rules/invariants.hpp"

namespace muster::simulation {

namespace {

std::string told(log_index i) { return "entry " + std::to_string(i.value); }

std::uint64_t key(log_index index, raft_term term) { return index.value << 24 | term.value; }

bool same(const raft::entry& a, const raft::entry& b) {
  return a.kind == b.kind && a.stamp_ms == b.stamp_ms &&
         (a.payload.owner() == b.payload.owner() || a.payload == b.payload) &&
         (a.members == b.members || (a.members && b.members && *a.members == *b.members));
}

}  // namespace

/// Raft figure 3. An index and a term name one entry and one entry before it, in all logs that ever
/// were: by induction the logs agree up to there.
void invariants::log_matching(const step& s) {
  const auto& log = s.core.entries();
  for (auto i = s.changed; i <= log.last(); i = i + 1) {
    const auto& e = log.at(i);
    const auto previous = log.term_at(i - 1);
    auto [at, is_new] = written_.try_emplace(key(i, e.term), written{e, previous, s.id});
    if (is_new) continue;
    if (!same(at->second.entry, e))
      fail("log_matching",
           told(s.id) + " holds another " + told(i) + " of term " + std::to_string(e.term.value));
    if (at->second.previous && previous && *at->second.previous != *previous)
      fail("log_matching", told(s.id) + " differs before " + told(i));
  }
}

void invariants::log_terms_and_stamps_rise(const step& s) {
  const auto& log = s.core.entries();
  for (auto i = s.changed; i <= log.last(); i = i + 1) {
    const auto& e = log.at(i);
    if (e.term > s.now.term)
      fail("log_terms_and_stamps_rise", told(s.id) + " has an entry of a later term than its own");
    const bool is_first = i == log.start().index + 1;
    const auto term = is_first ? log.start().term : log.at(i - 1).term;
    const auto stamp = is_first ? log.start().stamp_ms : log.at(i - 1).stamp_ms;
    if (e.term < term || e.stamp_ms < stamp)
      fail("log_terms_and_stamps_rise", "term or stamp falls at " + told(i));
  }
}

/// Raft figure 3. The last entry stands for all (log matching).
void invariants::leader_append_only(const step& s) {
  if (s.before.role != raft::role::leader || s.now.role != raft::role::leader ||
      s.before.term != s.now.term)
    return;
  const auto term = s.core.entries().term_at(s.before.last);
  if (s.now.last < s.before.last || (term && *term != s.before.last_term))
    fail("leader_append_only", told(s.id) + " took back " + told(s.before.last));
}

void invariants::commit_is_monotone(const step& s) {
  if (s.now.commit < s.before.commit)
    fail("commit_is_monotone", told(s.id) + " fell from " + told(s.before.commit));
}

/// Raft §5.4.2, figure 8.
void invariants::commit_by_count_is_of_own_term(const step& s) {
  if (s.now.commit == s.before.commit || s.before.role != raft::role::leader ||
      s.before.term != s.now.term || std::holds_alternative<raft::snapshot_installed>(s.in))
    return;
  if (s.core.entries().term_at(s.now.commit) != s.now.term)
    fail("commit_by_count_is_of_own_term",
         told(s.id) + " commits " + told(s.now.commit) + " of an earlier term");
}

/// Raft §5.3, §6: a majority of each voter set in force holds it, on disk.
void invariants::commit_is_durable_on_a_quorum(const step& s) {
  if (s.now.commit == s.before.commit || s.before.role != raft::role::leader ||
      s.before.term != s.now.term || std::holds_alternative<raft::snapshot_installed>(s.in))
    return;
  const auto index = s.now.commit;
  const auto term = s.core.entries().term_at(index);
  const bool is_durable = term && has_majorities(s.before.members, [&](member_id id) {
                            const auto at = disks_.find(id);
                            return at != disks_.end() && at->second->holds(index, *term);
                          });
  if (!is_durable)
    fail("commit_is_durable_on_a_quorum",
         told(s.id) + " commits " + told(index) + ", which a quorum does not hold on disk");
  auto& highest = committed_in_[s.now.term];
  highest = std::max(highest, index);
}

void invariants::committed_entries_agree(const step& s) {
  const auto& log = s.core.entries();
  for (auto i = std::max(s.before.commit, log.start().index) + 1; i <= s.now.commit; i = i + 1) {
    const auto term = log.term_at(i);
    if (!term) continue;
    if (i.value == committed_.size() && s.before.role == raft::role::leader)
      committed_.push_back(*term);
    if (i.value >= committed_.size())
      fail("committed_entries_agree", told(s.id) + " commits " + told(i) + ", no leader has");
    else if (committed_[i.value] != *term)
      fail("committed_entries_agree", told(s.id) + " commits another " + told(i));
  }
}

void invariants::bounds_are_in_order(const step& s) {
  const auto& log = s.core.entries();
  if (log.start().index > s.now.commit)
    fail("snapshot_within_commit", told(s.id) + " begins behind what is committed");
  if (s.core.applied_index() > s.now.commit)
    fail("applied_within_commit", told(s.id) + " has applied more than is committed");
  if (s.now.commit > log.last())
    fail("commit_within_log", told(s.id) + " has committed more than its log holds");
  if (s.core.durable_index() > log.last())
    fail("durable_within_log", told(s.id) + " calls durable what is not in its log");
}

/// Raft figure 2: entries are on disk before they are acknowledged. What a member said in a term
/// that it has left may be cut off by now.
void invariants::append_reply_is_durable(member_id id, const raft::core& c,
                                         const raft::message& m) {
  const auto* r = std::get_if<raft::append_response>(&m.body);
  if (!r || r->rejected || c.hard().term != m.term) return;
  const auto term = c.entries().term_at(r->match);
  if (term && !disks_.at(id)->holds(r->match, *term))
    fail("append_reply_is_durable",
         told(id) + " acknowledges " + told(r->match) + ", which its disk does not hold");
}

void invariants::state_machine_safety(member_id id, const raft::entry& e) {
  if (e.index.value >= committed_.size() || committed_[e.index.value] != e.term)
    fail("state_machine_safety", told(id) + " applies another " + told(e.index));
  const auto at = written_.find(key(e.index, e.term));
  if (at == written_.end() || !same(at->second.entry, e))
    fail("state_machine_safety", told(id) + " applies what nobody wrote at " + told(e.index));
}

/// Of members whose rows nobody has changed.
void invariants::apply_is_deterministic(member_id id, const saved_state& state) {
  if (state.is_wrong || wrong_prevails_) return;
  const auto at = state.meta.index;
  if (digests_.size() <= at.value) digests_.resize(at.value + 1);
  auto& known = digests_[at.value];
  if (known == 0) known = state.digest;
  if (known != state.digest)
    fail("apply_is_deterministic", told(id) + " has another state after " + told(at));
}

/// Chains are equal where entries did the same, and nowhere else.
void invariants::chain_tells(member_id id, const saved_state& state) {
  if (wrong_prevails_) return;
  const auto at = state.meta.index;
  if (chains_.size() <= at.value) chains_.resize(at.value + 1);
  auto& known = chains_[at.value];
  if (known == 0 && !state.is_wrong) known = state.meta.digest;
  if (known == 0 || digests_.size() <= at.value) return;
  const bool did_the_same = digests_[at.value] == state.digest;
  if ((known == state.meta.digest) != did_the_same)
    fail("chain_tells", told(id) +
                            (did_the_same ? " has another chain after "
                                          : " did something else, and its chain does not "
                                            "show it, after ") +
                            told(at));
}

}  // namespace muster::simulation
