#include "actors/raft/core/raft_core.hpp"

#include <algorithm>

namespace muster::raft {

/// Each timeout is drawn anew, so that two members rarely campaign at once (Raft §5.2).
void core::draw_timeout() {
  timeout_ = with_.election_ticks + static_cast<std::uint32_t>(chance(with_.election_ticks));
}

void core::set_hard(raft_term term, member_id vote, output& out) {
  hard_ = {term, vote};
  out.hard = hard_;
}

void core::become_follower(raft_term term, member_id leader, output& out) {
  if (role_ == role::leader || leader != leader_)
    refuse_reads(fail(errc::not_leader, "the leader has changed"), out);
  if (term > hard_.term) set_hard(term, {}, out);
  if (role_ == role::leader) {
    ticks_ = 0;
    progress_.clear();
    transfer_to_ = {};
    uncommitted_bytes_ = 0;
  }
  if (role_ != role::follower) draw_timeout();
  role_ = role::follower;
  leader_ = leader;
  votes_.clear();
}

void core::become_leader(output& out) {
  role_ = role::leader;
  leader_ = with_.self;
  ticks_silent_ = 0;
  ticks_to_heartbeat_ = 0;
  transfer_to_ = {};
  uncommitted_bytes_ = 0;
  progress_.clear();
  judge_.forget();
  sync_progress();
  entry noop;  // lets entries of earlier terms commit (Raft §5.4.2, §8)
  noop.kind = entry_kind::noop;
  append_own(std::move(noop), out);
}

/// A pre-vote asks whether an election could be won and changes nothing (thesis §9.6).
void core::campaign(bool is_pre, bool disruptive, output& out) {
  if (!may_campaign()) return;
  role_ = is_pre ? role::pre_candidate : role::candidate;
  leader_ = {};
  ticks_ = 0;
  draw_timeout();
  votes_.clear();
  raft_term asked = hard_.term;
  asked.value += 1;
  if (!is_pre) set_hard(asked, with_.self, out);
  const vote_request ask{is_pre, disruptive, log_.last(), log_.last_term()};
  for (const auto id : all_of(members_)) {
    if (id == with_.self || !is_voter(members_, id)) continue;
    message m{with_.self, id, asked, ask};
    (is_pre ? out.messages : out.messages_after_durable).push_back(std::move(m));
  }
  record_vote(with_.self, true, out);
}

/// A voter that is left out by the last configuration in its log is still needed until that
/// commits: its log may be the only complete one (thesis §4.2.2). Its own vote does not count then.
/// A learner may hold up the others in the same way: who counts it as a voter cannot win against
/// its longer log. It waits for long, so that it does not come before voters; so does one whose
/// state is wrong: if its log is the only complete one, it leads until another has it.
bool core::may_campaign() const {
  if (!may_lead_) return false;
  const bool waited_long = ticks_silent_ >= 10 * with_.election_ticks;
  if (condemned_ && !waited_long) return false;
  if (is_voter(members_, with_.self)) return true;
  if (members_index_ > commit_ && is_voter(log_.members_before(members_index_), with_.self))
    return true;
  return log_.last() > commit_ && waited_long;
}

void core::record_vote(member_id from, bool granted, output& out) {
  votes_.emplace(from, granted);
  switch (count_votes(members_, votes_)) {
    case tally::won:
      if (role_ == role::pre_candidate)
        campaign(false, false, out);
      else
        become_leader(out);
      break;
    case tally::lost:
      become_follower(hard_.term, {}, out);
      break;
    case tally::open:
      break;
  }
}

/// A member that hears a leader helps nobody to depose it (thesis §4.2.3).
bool core::hears_leader() const {
  if (role_ == role::leader) return ticks_silent_ < with_.election_ticks;
  return leader_ && !lost_leader_link_ && ticks_ < with_.election_ticks;
}

void core::take(const message& m, const vote_request& b, output& out) {
  const auto answer = [&](bool granted, raft_term term, bool after_durable) {
    message reply{with_.self, m.from, term, vote_response{b.is_pre, granted}};
    (after_durable ? out.messages_after_durable : out.messages).push_back(std::move(reply));
  };
  if (m.term < hard_.term) return answer(false, hard_.term, false);
  const bool held_back = !b.disruptive && hears_leader();
  const bool complete = log_.is_up_to_date(b.last_index, b.last_term);
  if (b.is_pre) {
    const bool granted = !held_back && complete && m.term > hard_.term;
    return answer(granted, granted ? m.term : hard_.term, false);
  }
  if (held_back) return;
  if (m.term > hard_.term) become_follower(m.term, {}, out);
  const bool free = !hard_.vote || hard_.vote == m.from;  // one vote a term (Raft §5.2)
  const bool granted = free && !leader_ && complete;
  if (granted) {
    if (hard_.vote != m.from) set_hard(hard_.term, m.from, out);
    ticks_ = 0;
  }
  answer(granted, hard_.term, true);
}

void core::take(const message& m, const vote_response& b, output& out) {
  if (!b.granted && m.term > hard_.term) return become_follower(m.term, {}, out);
  if (b.is_pre) {
    const bool current =
        role_ == role::pre_candidate && (!b.granted || m.term.value == hard_.term.value + 1);
    if (current && is_voter(members_, m.from)) record_vote(m.from, b.granted, out);
    return;
  }
  if (role_ == role::candidate && m.term == hard_.term && is_voter(members_, m.from))
    record_vote(m.from, b.granted, out);
}

void core::take(const message& m, const timeout_now&, output& out) {
  if (m.term == hard_.term && m.from == leader_) campaign(false, true, out);
}

void core::tick_follower(output& out) {
  ++ticks_;
  ++ticks_silent_;
  if (ask_ticks_ > 0) --ask_ticks_;
  std::vector<std::uint64_t> old;
  for (auto& [tag, read] : forwarded_)
    if (++read.ticks > 2 * with_.election_ticks) old.push_back(tag);
  for (const auto tag : old) {
    forwarded_.erase(tag);
    out.reads_refused.push_back({tag, fail(errc::no_quorum, "the leader does not answer")});
  }
  if (!may_campaign()) return;
  const bool alone =
      members_.voters.size() == 1 && !members_.is_joint() && members_.voters.front() == with_.self;
  if (alone) return campaign(false, false, out);
  if (ticks_ >= timeout_) {
    if (leader_) {
      leader_ = {};
      refuse_reads(fail(errc::not_leader, "the leader is silent"), out);
    }
    campaign(true, false, out);
  }
}

void core::tick_leader(output& out) {
  for (auto& [id, p] : progress_) {
    ++p.ticks_silent;
    ++p.ticks_waiting;
  }
  // Smallest silence that a quorum keeps within: as numbers reached, counted down.
  constexpr std::uint64_t far = 1u << 30;
  const auto heard = reached_by_quorum(members_, [&](member_id id) -> std::uint64_t {
    if (id == with_.self) return far;
    const auto p = progress_.find(id);
    return p == progress_.end() ? 0 : far - std::min<std::uint64_t>(far, p->second.ticks_silent);
  });
  ticks_silent_ = static_cast<std::uint32_t>(far - heard);
  if (ticks_silent_ >= with_.election_ticks)  // check-quorum (thesis §6.2)
    return become_follower(hard_.term, {}, out);
  if (transfer_to_ && ++transfer_ticks_ >= with_.election_ticks) transfer_to_ = {};
  judge_self(out);
  if (ticks_to_heartbeat_ == 0) {
    ticks_to_heartbeat_ = with_.heartbeat_ticks;
    send_heartbeats(out);
  }
  --ticks_to_heartbeat_;
}

}  // namespace muster::raft
