#include "actors/raft/core/raft_core.hpp"

#include <algorithm>

namespace muster::raft {

core::core(settings with, start_state start)
    : with_(with),
      log_(std::move(start.snapshot), std::move(start.entries)),
      hard_(start.hard),
      chance_(with.seed ^ (with.self.value * 0x9e3779b97f4a7c15ULL)),
      condemned_(start.condemned) {
  MUSTER_ENSURE(with_.self, "a member has an id");
  MUSTER_ENSURE(start.applied >= log_.start().index && start.applied <= log_.last(),
                "what is applied lies inside the log");
  commit_ = applied_ = given_ = start.applied;
  durable_ = log_.last();
  digests_.begin({start.applied, start.digest});
  use_members();
  draw_timeout();
}

void core::step(const input& in, output& out) {
  const auto before = std::tuple(role_, hard_.term, leader_, members_index_);
  std::visit([&](const auto& i) { on(i, out); }, in);
  if (before != std::tuple(role_, hard_.term, leader_, members_index_)) out.status_changed = true;
}

output core::step(const input& in) {
  output out;
  step(in, out);
  finish(out);
  return out;
}

void core::finish(output& out) {
  if (role_ == role::leader) {
    for (auto& [id, p] : progress_) send_appends(id, p, out);
    start_round(out);
  }
  while (given_ < commit_ && gives_out()) {
    given_ = given_ + 1;
    out.committed.push_back(log_.at(given_));
  }
}

status_view core::status() const {
  status_view view{role_,
                   hard_.term,
                   leader_,
                   commit_,
                   log_.last(),
                   log_.last_term(),
                   log_.start().index + 1,
                   members_,
                   {},
                   ticks_silent_,
                   condemned_,
                   is_changing_members()};
  for (const auto& [id, p] : progress_)
    view.progress.push_back({id, p.match, p.applied, p.ticks_silent < with_.election_ticks,
                             judge_.differs(id), p.is_condemned || verdict_on(id).index});
  return view;
}

void core::on(const tick& t, output& out) {
  now_ms_ = t.now_ms;
  if (role_ == role::leader)
    tick_leader(out);
  else
    tick_follower(out);
}

void core::on(const received& r, output& out) {
  const auto& m = r.msg;
  if (m.to != with_.self || m.from == with_.self) return;
  std::visit([&](const auto& body) { take(m, body, out); }, m.body);
}

void core::on(const propose& p, output& out) {
  if (role_ != role::leader) {
    const auto who = leader_ ? "the leader is member " + std::to_string(leader_.value)
                             : std::string("no leader is known");
    out.refused.push_back({p.tag, fail(errc::not_leader, who)});
    return;
  }
  if (transfer_to_) {
    out.refused.push_back({p.tag, fail(errc::not_leader, "leadership is being handed over")});
    return;
  }
  if (uncommitted_bytes_ + p.command.size_bytes() > with_.uncommitted_bytes_max &&
      uncommitted_bytes_ != 0) {
    out.refused.push_back({p.tag, fail(errc::busy, "too much waits to be committed")});
    return;
  }
  entry e;
  e.kind = entry_kind::command;
  e.payload = p.command;
  uncommitted_bytes_ += e.size_bytes();
  append_own(std::move(e), out);
  if (const auto asker = progress_.find(p.from); asker != progress_.end())
    asker->second.commit_wanted = log_.last();
  out.accepted.push_back({p.tag, log_.last(), hard_.term});
}

/// Thesis §3.10: the target is brought up to date, then told to campaign.
void core::on(const transfer& t, output& out) {
  if (role_ != role::leader || !progress_.contains(t.to)) return;
  const auto& voters = members_.voters;
  if (!std::binary_search(voters.begin(), voters.end(), t.to)) return;
  if (progress_[t.to].is_condemned) return;
  transfer_to_ = t.to;
  transfer_ticks_ = 0;
  if (progress_[t.to].match == log_.last()) send(t.to, timeout_now{}, out);
}

void core::on(const durable& d, output& out) {
  if (log_.term_at(d.index) != d.term) return;  // overwritten since
  durable_ = std::max(durable_, d.index);
  if (role_ == role::leader) advance_commit(out);
}

void core::on(const applied& a, output& out) {
  applied_ = std::max(applied_, a.index);
  digests_.add(a.index, a.digests);
  serve_when_whole(out);
}

/// A session that dies with its process shows in milliseconds: no need to wait out the silence.
void core::on(const link_down& l, output& out) {
  if (auto p = progress_.find(l.peer); p != progress_.end()) p->second.to_probe();
  drop_reads_of(l.peer);
  if (role_ != role::follower || l.peer != leader_) return;
  lost_leader_link_ = true;
  leader_ = {};
  refuse_reads(fail(errc::not_leader, "the leader cannot be reached"), out);
  if (!may_campaign()) return;
  ticks_ = timeout_ - 1;
  if (chance(2) == 0) campaign(true, false, out);
}

void core::on(const link_up& l, output&) {
  if (auto p = progress_.find(l.peer); p != progress_.end()) p->second.to_probe();
  drop_reads_of(l.peer);
}

/// A log that holds the snapshot's last entry goes on behind it: what it has acknowledged there
/// stays (Raft §7).
void core::on(const snapshot_installed& s, output& out) {
  applied_ = std::max(applied_, s.meta.index);
  digests_.begin({s.meta.index, s.meta.digest});
  if (condemned_) replace_state(s.meta);
  serve_when_whole(out);
  if (s.meta.index <= commit_) return;
  if (log_.term_at(s.meta.index) == s.meta.term) {
    set_commit(s.meta.index, out);
    given_ = std::max(given_, s.meta.index);
  } else {
    MUSTER_ENSURE(role_ != role::leader, "a leader's log holds what is committed (Raft §5.4.3)");
    log_.reset(s.meta);
    commit_ = durable_ = given_ = s.meta.index;
    out.begins_behind = s.meta;
    out.entries.clear();
    use_members();
  }
  if (leader_ && leader_ != with_.self) acknowledge_append(leader_, s.meta.index, out);
}

void core::on(const compact& c, output&) {
  if (c.meta.index <= applied_) log_.compact(c.meta);
}

void core::send(member_id to, message_body body, output& out) {
  if (leads_by_own_vote_only()) return send_after_durable(to, std::move(body), out);
  out.messages.push_back({with_.self, to, hard_.term, std::move(body)});
}

/// Others' votes come after the own one is on disk. A sole voter leads before: if it stopped then,
/// it would take the same term again and fill it with other entries.
bool core::leads_by_own_vote_only() const {
  return role_ == role::leader && log_.term_at(durable_) != hard_.term &&
         count_votes(members_, {{with_.self, true}}) == tally::won;
}

void core::send_after_durable(member_id to, message_body body, output& out) {
  out.messages_after_durable.push_back({with_.self, to, hard_.term, std::move(body)});
}

bool core::has_committed_in_term() const { return log_.term_at(commit_) == hard_.term; }

/// SplitMix64: all chance of a member comes from its seed.
std::uint64_t core::chance(std::uint64_t below) {
  chance_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = chance_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return (z ^ (z >> 31)) % below;
}

}  // namespace muster::raft
