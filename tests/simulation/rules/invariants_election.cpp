#include "tests/simulation/rules/invariants.hpp"

namespace muster::simulation {

namespace {

std::string told(raft_term t) { return "term " + std::to_string(t.value); }

}  // namespace

void invariants::term_is_monotone(member_id id, raft_term before, raft_term now) {
  if (now < before) fail("term_is_monotone", told(id) + " fell from " + told(before));
}

/// Raft figure 3: at most one leader a term.
void invariants::election_safety(const step& s) {
  if (s.now.role != raft::role::leader) return;
  if (s.before.role == raft::role::leader && s.before.term == s.now.term) return;
  const auto [at, is_new] =
      elections_.try_emplace(s.now.term, election{s.id, s.before.members, false});
  if (at->second.leader != s.id)
    fail("election_safety",
         told(at->second.leader) + " and " + told(s.id) + " lead " + told(s.now.term));
}

void invariants::leader_stays_leader_in_its_term(const step& s) {
  if (s.before.role != raft::role::leader || s.before.term != s.now.term) return;
  if (s.now.role != raft::role::leader && s.now.role != raft::role::follower)
    fail("leader_stays_leader_in_its_term", told(s.id) + " campaigns in the term that it leads");
}

/// Raft figure 3: what was committed in a term is in the log of each leader of a higher one. By log
/// matching the last such entry stands for all.
void invariants::leader_completeness(const step& s) {
  if (s.now.role != raft::role::leader) return;
  if (s.before.role == raft::role::leader && s.before.term == s.now.term) return;
  for (const auto& [term, index] : committed_in_) {
    if (term >= s.now.term || index <= s.core.entries().start().index) continue;
    if (s.core.entries().term_at(index) != committed_[index.value])
      fail("leader_completeness", told(s.id) + " leads " + told(s.now.term) +
                                      " without committed entry " + std::to_string(index.value));
  }
}

/// What a leader says in its term needs the votes of both voter sets, on their disks (Raft §5.2,
/// §6).
void invariants::leader_has_durable_votes_of_a_quorum(raft_term term) {
  const auto at = elections_.find(term);
  if (at == elections_.end())
    return fail("leader_has_durable_votes_of_a_quorum", "nobody leads " + told(term));
  auto& e = at->second;
  if (e.is_checked) return;
  e.is_checked = true;
  const auto& votes = votes_[term];
  const bool has = has_majorities(e.members, [&](member_id id) {
    const auto vote = votes.find(id);
    return vote != votes.end() && vote->second == e.leader;
  });
  if (!has)
    fail("leader_has_durable_votes_of_a_quorum",
         told(e.leader) + " acts as leader of " + told(term) + " without them");
}

void invariants::one_vote_a_term(member_id id) {
  const auto& hard = disks_.at(id)->hard();
  if (!hard.vote) {
    if (votes_.contains(hard.term) && votes_[hard.term].contains(id))
      fail("one_vote_a_term", told(id) + " forgot its vote of " + told(hard.term));
    return;
  }
  const auto [at, is_new] = votes_[hard.term].try_emplace(id, hard.vote);
  if (at->second != hard.vote)
    fail("one_vote_a_term", told(id) + " voted twice in " + told(hard.term));
}

/// A sole voter leads before its term is on disk. If it stops then, nobody has heard of the term,
/// and it may take it again.
void invariants::forget_untold_terms(member_id id, raft_term synced) {
  bool is_any = false;
  for (auto at = elections_.upper_bound(synced); at != elections_.end();) {
    const bool is_untold = at->second.leader == id && !at->second.is_checked;
    is_any = is_any || is_untold;
    at = is_untold ? elections_.erase(at) : std::next(at);
  }
  if (is_any)
    std::erase_if(written_, [&](const auto& item) {
      return item.second.by == id && item.second.entry.term > synced;
    });
}

/// Raft figure 2: persistent state is updated before the answer; a request counts its sender's
/// vote. A disk that is already in a later term will not give this vote to another either.
void invariants::vote_is_durable_before_reply(member_id id, const raft::message& m) {
  member_id candidate;
  if (const auto* r = std::get_if<raft::vote_response>(&m.body); r && !r->is_pre && r->granted)
    candidate = m.to;
  if (const auto* r = std::get_if<raft::vote_request>(&m.body); r && !r->is_pre) candidate = id;
  if (!candidate) return;
  auto& votes = votes_[m.term];
  if (disks_.at(id)->hard().term > m.term) votes.try_emplace(id, candidate);
  const auto vote = votes.find(id);
  if (vote == votes.end() || vote->second != candidate)
    fail("vote_is_durable_before_reply",
         told(id) + " tells a vote of " + told(m.term) + " that its disk does not hold");
}

}  // namespace muster::simulation
