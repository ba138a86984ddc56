#include "actors/raft/core/raft_core.hpp"

#include <algorithm>

namespace muster::raft {

void core::append_own(entry e, output& out) {
  e.term = hard_.term;
  e.index = log_.last() + 1;
  e.stamp_ms = std::max(now_ms_, log_.last_stamp_ms());
  out.entries.push_back(e);
  log_.append(std::move(e));
}

void core::send_one_append(member_id to, progress& p, std::vector<entry> part, output& out) {
  append_request a;
  a.previous_index = p.next - 1;
  a.previous_term = *log_.term_at(a.previous_index);
  a.commit = commit_;
  a.entries = std::move(part);
  p.commit_sent = commit_;
  send(to, std::move(a), out);
}

void core::offer_snapshot(member_id to, progress& p, output& out) {
  p.now = progress::mode::snapshot;
  p.ticks_waiting = 0;
  send(to, snapshot_offer{log_.start()}, out);
}

/// Sends what the follower lacks, as its mode allows. A commit index goes with it, or with the next
/// heartbeat; alone only to a follower where somebody waits for it.
void core::send_appends(member_id to, progress& p, output& out) {
  const std::uint32_t patience = 2 * with_.election_ticks;
  if (p.now == progress::mode::snapshot) {
    if (p.ticks_waiting >= 5 * patience) offer_snapshot(to, p, out);
    return;
  }
  if (p.now == progress::mode::pipeline && !p.inflight.empty() && p.ticks_waiting >= patience)
    p.to_probe();  // an append was lost
  if (p.next <= log_.start().index) return offer_snapshot(to, p, out);
  if (p.now == progress::mode::probe) {
    if (p.is_paused && p.ticks_waiting < patience) return;
    p.is_paused = true;
    p.ticks_waiting = 0;
    return send_one_append(to, p, log_.slice(p.next, with_.append_bytes_max), out);
  }
  while (p.next <= log_.last() && p.inflight_bytes < with_.inflight_bytes_max &&
         p.inflight.size() < with_.inflight_appends_max) {
    auto part = log_.slice(p.next, with_.append_bytes_max);
    std::size_t bytes = 0;
    for (const auto& e : part) bytes += e.size_bytes();
    const auto last = part.back().index;
    if (p.inflight.empty()) p.ticks_waiting = 0;
    send_one_append(to, p, std::move(part), out);
    p.sent(last, bytes);
  }
  if (p.commit_sent < std::min(commit_, p.commit_wanted) && p.next > log_.last())
    send_one_append(to, p, {}, out);
}

void core::send_heartbeats(output& out) {
  for (auto& [id, p] : progress_)
    send(id, heartbeat{std::min(commit_, p.match), read_round_, verdict_on(id)}, out);
}

/// Answers a stale leader so that it steps down; true if the message is of the current term.
void core::take(const message& m, const append_request& b, output& out) {
  if (m.term < hard_.term) {
    append_response stale;
    stale.rejected = true;
    stale.rejected_at = b.previous_index;
    return send(m.from, stale, out);
  }
  MUSTER_ENSURE(role_ != role::leader || m.term > hard_.term, "one leader a term (Raft §5.2)");
  become_follower(m.term, m.from, out);
  ticks_ = ticks_silent_ = 0;
  lost_leader_link_ = false;
  take_entries(m, b, out);
}

/// One answer for all appends of a gather: the last says it all.
void core::acknowledge_append(member_id to, log_index match, output& out) {
  append_response good;
  good.match = match;
  good.applied = digests_.last();
  if (!out.messages_after_durable.empty()) {
    auto& before = out.messages_after_durable.back();
    auto* last = std::get_if<append_response>(&before.body);
    if (last && !last->rejected && before.to == to && before.term == hard_.term) {
      last->match = std::max(last->match, match);
      last->applied = good.applied;
      return;
    }
  }
  send_after_durable(to, good, out);
}

void core::take_entries(const message& m, const append_request& b, output& out) {
  if (b.previous_index < commit_ && b.previous_index + b.entries.size() <= commit_)
    return acknowledge_append(m.from, commit_, out);  // an old request: all of it is committed here
  const bool known =
      b.previous_index < commit_ || log_.term_at(b.previous_index) == b.previous_term;
  if (!known) {  // Raft §5.3: refuse, with a hint that skips a whole term
    append_response no;
    no.rejected = true;
    no.rejected_at = b.previous_index;
    no.hint_index = log_.last_agreeing(b.previous_index, b.previous_term);
    no.hint_term = log_.term_at(no.hint_index).value_or(raft_term{});
    return send_after_durable(m.from, no, out);
  }
  bool members_touched = false;
  for (const auto& e : b.entries) {
    if (e.index <= commit_ || log_.term_at(e.index) == e.term) continue;
    if (e.index <= log_.last()) {  // conflict: the leader's log wins (Raft §5.3)
      log_.truncate(e.index);
      durable_ = std::min(durable_, e.index - 1);
      std::erase_if(out.entries, [&](const entry& old) { return old.index >= e.index; });
      members_touched = true;
    }
    log_.append(e);
    out.entries.push_back(e);
    members_touched = members_touched || e.kind == entry_kind::configuration;
  }
  if (members_touched) use_members();
  const auto last_new = b.previous_index + b.entries.size();
  set_commit(std::min(b.commit, last_new), out);
  acknowledge_append(m.from, std::max(last_new, commit_), out);
}

void core::take(const message& m, const append_response& b, output& out) {
  if (m.term > hard_.term) return become_follower(m.term, {}, out);
  auto at = progress_.find(m.from);
  if (role_ != role::leader || m.term != hard_.term || at == progress_.end()) return;
  auto& p = at->second;
  p.ticks_silent = 0;
  if (b.rejected) {
    if (b.rejected_at < p.match || (p.now == progress::mode::probe && b.rejected_at + 1 != p.next))
      return;  // answers an older request
    const auto agree = log_.last_agreeing(b.hint_index, b.hint_term);
    p.to_probe();
    p.next = std::max(p.match + 1, std::min(b.rejected_at, agree + 1));
    return;
  }
  if (b.match > log_.last()) return;  // not of this log
  p.applied = std::max(p.applied, b.applied.index);
  hear_chain(m.from, p, b.applied, out);
  const bool news = p.acknowledge(b.match);
  if (p.now == progress::mode::probe ||
      (p.now == progress::mode::snapshot && p.match >= log_.start().index)) {
    p.to_probe();
    p.now = progress::mode::pipeline;
  }
  if (news) advance_commit(out);
  if (transfer_to_ == m.from && p.match == log_.last()) send(m.from, timeout_now{}, out);
}

void core::take(const message& m, const heartbeat& b, output& out) {
  if (m.term < hard_.term) {
    append_response stale;
    stale.rejected = true;
    return send(m.from, stale, out);
  }
  MUSTER_ENSURE(role_ != role::leader || m.term > hard_.term, "one leader a term (Raft §5.2)");
  become_follower(m.term, m.from, out);
  ticks_ = ticks_silent_ = 0;
  lost_leader_link_ = false;
  set_commit(std::min(b.commit, log_.last()), out);
  hear_verdict(b.condemned, out);
  if (condemned_) ask_for_state(m.from, out);
  send(m.from, heartbeat_response{b.read_round, digests_.last(), condemned_}, out);
}

void core::take(const message& m, const heartbeat_response& b, output& out) {
  if (m.term > hard_.term) return become_follower(m.term, {}, out);
  auto at = progress_.find(m.from);
  if (role_ != role::leader || m.term != hard_.term || at == progress_.end()) return;
  at->second.ticks_silent = 0;
  at->second.read_round = std::max(at->second.read_round, b.read_round);
  at->second.is_condemned = b.condemned;
  at->second.applied = std::max(at->second.applied, b.applied.index);
  hear_chain(m.from, at->second, b.applied, out);
  answer_reads(out);
}

void core::take(const message& m, const snapshot_offer& b, output& out) {
  if (m.term < hard_.term) return;
  become_follower(m.term, m.from, out);
  ticks_ = ticks_silent_ = 0;
  lost_leader_link_ = false;
  if (b.meta.index <= commit_) return acknowledge_append(m.from, commit_, out);
  out.fetch_snapshot = b.meta;
  out.fetch_from = m.from;
}

/// Only an entry of the leader's own term commits by counting (Raft §5.4.2).
void core::advance_commit(output& out) {
  const log_index reached{reached_by_quorum(members_, [&](member_id id) -> std::uint64_t {
    if (id == with_.self) return durable_.value;
    const auto p = progress_.find(id);
    return p == progress_.end() ? 0 : p->second.match.value;
  })};
  if (reached <= commit_ || log_.term_at(reached) != hard_.term) return;
  set_commit(reached, out);
}

void core::set_commit(log_index to, output& out) {
  if (to <= commit_) return;
  MUSTER_ENSURE(to <= log_.last(), "only what is in the log is committed");
  if (role_ == role::leader)
    for (auto i = commit_ + 1; i <= to; i = i + 1) {
      const auto& e = log_.at(i);
      if (e.kind == entry_kind::command && uncommitted_bytes_ >= e.size_bytes())
        uncommitted_bytes_ -= e.size_bytes();
    }
  commit_ = to;
  if (role_ != role::leader) return;
  after_commit_of_members(out);
  answer_reads(out);
}

}  // namespace muster::raft
