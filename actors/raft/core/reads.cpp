#include "actors/raft/core/raft_core.hpp"

namespace muster::raft {

/// Read index (thesis §6.4): the commit index of now is good once a quorum confirms this leader.
void core::on(const read& r, output& out) {
  if (role_ == role::leader) return ask_read(r.tag, with_.self, out);
  if (!leader_) {
    out.reads_refused.push_back({r.tag, fail(errc::no_quorum, "no leader is known")});
    return;
  }
  if (forwarded_.size() >= with_.reads_waiting_max) {
    out.reads_refused.push_back({r.tag, fail(errc::busy, "too many reads are waiting")});
    return;
  }
  forwarded_[r.tag] = {r.tag, 0};
  send(leader_, read_request{r.tag}, out);
}

void core::ask_read(std::uint64_t tag, member_id from, output& out) {
  if (reads_.size() >= with_.reads_waiting_max) {
    if (from == with_.self)
      out.reads_refused.push_back({tag, fail(errc::busy, "too many reads are waiting")});
    else
      send(from, read_response{tag, true, {}}, out);
    return;
  }
  reads_.push_back({tag, from, commit_, 0});
}

void core::take(const message& m, const read_request& b, output& out) {
  if (role_ != role::leader || m.term > hard_.term)
    return send(m.from, read_response{b.tag, true, {}}, out);
  ask_read(b.tag, m.from, out);
}

void core::take(const message&, const read_response& b, output& out) {
  if (forwarded_.erase(b.tag) == 0) return;
  if (b.refused)
    out.reads_refused.push_back({b.tag, fail(errc::not_leader, "the leader refused the read")});
  else
    out.reads.push_back({b.tag, b.index});
}

/// One round at a time: all reads that come meanwhile share the next one. A round whose messages
/// are lost is confirmed by the next heartbeats. A leader that has committed nothing in its term
/// does not know the commit index yet (Raft §8): its reads wait.
void core::start_round(output& out) {
  if (!has_committed_in_term() || confirmed_round_ < read_round_) return;
  bool fresh = false;
  for (auto& r : reads_) {
    if (r.round != 0) continue;
    if (!fresh) ++read_round_;
    fresh = true;
    r.round = read_round_;
    r.index = commit_;
  }
  if (!fresh) return;
  send_heartbeats(out);
  answer_reads(out);
}

void core::answer_reads(output& out) {
  if (reads_.empty() && confirmed_round_ == read_round_) return;
  confirmed_round_ = reached_by_quorum(members_, [&](member_id id) -> std::uint64_t {
    if (id == with_.self) return read_round_;
    const auto p = progress_.find(id);
    return p == progress_.end() ? 0 : p->second.read_round;
  });
  std::erase_if(reads_, [&](const waiting_read& r) {
    if (r.round == 0 || r.round > confirmed_round_) return false;
    answer(r, out);
    return true;
  });
}

void core::answer(const waiting_read& r, output& out) {
  if (r.from == with_.self)
    out.reads.push_back({r.tag, r.index});
  else {
    if (const auto asker = progress_.find(r.from); asker != progress_.end())
      asker->second.commit_wanted = std::max(asker->second.commit_wanted, r.index);
    send(r.from, read_response{r.tag, false, r.index}, out);
  }
}

void core::drop_reads_of(member_id peer) {
  std::erase_if(reads_, [&](const waiting_read& r) { return r.from == peer; });
}

void core::refuse_reads(const failure& why, output& out) {
  for (const auto& r : reads_) {
    if (r.from == with_.self)
      out.reads_refused.push_back({r.tag, why});
    else
      send(r.from, read_response{r.tag, true, {}}, out);
  }
  reads_.clear();
  for (const auto& [tag, r] : forwarded_) out.reads_refused.push_back({tag, why});
  forwarded_.clear();
}

}  // namespace muster::raft
