#include "actors/raft/raft_actor.hpp"

#include "schemas/basic/limits.hpp"
#include "schemas/basic/metrics.hpp"
#include "schemas/basic/wall_clock.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>

namespace muster::raft {

namespace {

constexpr std::size_t entries_held_max = 64;

bool has_majority(const std::vector<member_id>& voters, const std::set<member_id>& reachable) {
  const auto count = std::count_if(voters.begin(), voters.end(),
                                   [&](member_id v) { return reachable.contains(v); });
  return voters.empty() || static_cast<std::size_t>(count) * 2 > voters.size();
}

}  // namespace

driver::driver(raft_handle::broker_pointer self, driver_settings with)
    : self_(self),
      with_(std::move(with)),
      core_(with_.core, with_.start),
      tags_(with_.started),
      applied_(with_.start.applied),
      tick_period_(with_.facts()->election_timeout / with_.core.election_ticks),
      last_flushed_(with_.start.snapshot),
      is_condemned_(with_.start.condemned) {
  std::exchange(with_.start.entries, {});  // the core has them
  show_board();
}

void driver::step(const input& in) {
  core_.step(in, out_);
  if (carry_out_asked_) return;
  carry_out_asked_ = true;
  // Behind what is in the mailbox now: that is gathered, too. Anonymous: see link_actor.
  caf::anon_send(caf::actor_cast<raft_handle>(self_), carry_out{});
}

void driver::on_beat() {
  if (const auto now = clock::now(); now >= next_tick_) {
    next_tick_ = now + tick_period_;
    tick_core();
  }
  hand_to_applier();
  expire_writes();
  expire_reads();
}

void driver::tick_core() {
  ++ticks_;
  step(tick{stamps_.read(wall_ms(), steady_ms(), core_.role_now() == role::leader)});
  try_wish();
  if (ticks_ % 16 == 0) tick_period_ = with_.facts()->election_timeout / with_.core.election_ticks;
  if (with_.is_blocked()) core_.forbid_leading();
  show_board();
}

// --- carrying out

void driver::carry_out_now() {
  carry_out_asked_ = false;
  core_.finish(out_);
  follow_pace();
  send_all(out_.messages);
  hand_to_writer();
  if (!may_apply_later()) hand_to_applier();
  answer_askers();
  answer_reads();
  // A state that this build cannot go on from would only take the place of the next one.
  if (out_.fetch_snapshot && !fetching_ && !with_.is_blocked()) {
    fetching_ = true;
    with_.fetch_snapshot(out_.fetch_from, *out_.fetch_snapshot);
  }
  out_.fetch_snapshot.reset();
  for (const auto& [id, is_wrong] : std::exchange(out_.standings, {}))
    with_.note_standing(id, is_wrong);
  if (!out_.status_changed) return;
  out_.status_changed = false;
  follow_standing();
  show_board();
  const auto now = core_.status();
  if (now.leader == last_leader_ && now.term == last_term_) return;
  last_leader_ = now.leader;
  last_term_ = now.term;
  for (auto& [sequence, u] : writes_) u.sent = false;  // a new leader may not have them: say again
  try_send_all();
}

/// A leader learns from its commits how far away a quorum is.
void driver::follow_pace() {
  if (core_.role_now() != role::leader) return pace_.forget();
  const auto now = clock::now();
  if (!out_.committed.empty()) pace_.committed(out_.committed.back().index, now);
  if (!out_.entries.empty()) pace_.sent(out_.entries.back().index, now);
  core_.allow_appends(pace_.appends());
}

void driver::send_all(std::vector<message>& messages) {
  for (auto& m : messages) {
    const auto to = m.to;
    with_.send(to, codec::link_body{std::move(m)});
  }
  messages.clear();
}

/// One write at a time. Messages that need durability go with their batch, or at once if nothing is
/// being written and nothing is to be.
void driver::hand_to_writer() {
  if (writing_) return;
  if (!out_.hard && !out_.begins_behind && out_.entries.empty()) {
    send_all(out_.messages_after_durable);
    return;
  }
  writing_ = true;
  after_write_ = std::move(out_.messages_after_durable);
  out_.messages_after_durable.clear();
  self_->send(with_.writer,
              write_batch{out_.hard, std::move(out_.begins_behind), std::move(out_.entries)});
  out_.hard.reset();
  out_.begins_behind.reset();
  out_.entries.clear();
}

void driver::on_written(const batch_written& done) {
  writing_ = false;
  send_all(after_write_);
  if (done.last) step(durable{done.last, done.term});
  hand_to_writer();
}

/// While entries stream in, a follower where nobody waits applies many at once: its disk comes
/// first, that is what the leader waits for.
bool driver::may_apply_later() const {
  const auto& held = out_.committed;
  return !held.empty() && held.size() < entries_held_max &&
         held.back().index < core_.last_index() && core_.role_now() == role::follower &&
         writes_.empty() && asked_reads_.empty() && indexed_reads_.empty();
}

void driver::hand_to_applier() {
  if (out_.committed.empty()) return;
  for (const auto& e : out_.committed) bytes_since_flush_ += e.size_bytes();
  entries_since_flush_ += out_.committed.size();
  self_->send(with_.applier, commit_batch{std::move(out_.committed)});
  out_.committed.clear();
}

void driver::answer_askers() {
  for (const auto& a : out_.accepted) remote_writes_.erase(a.tag);
  for (const auto& r : std::exchange(out_.refused, {})) settle_refusal(r, with_.core.self);
  out_.accepted.clear();
}

void driver::settle_refusal(const proposal_refused& r, member_id from) {
  if (!tag_source::is_own_write(r.tag)) {
    auto remote = remote_writes_.extract(r.tag);
    if (!remote.empty() && from == with_.core.self)
      with_.send(remote.mapped().peer, codec::submit_refused{remote.mapped().tag, r.why});
    return;
  }
  auto own = writes_.find(r.tag);
  if (own == writes_.end()) return;
  auto& u = own->second;
  switch (refusal_of(r.why.code, u.copies, from, u.to)) {
    case refusal::is_of_others:
      return;
    case refusal::send_again:
      u.sent = false;  // waits for a leader that takes it; at its deadline it is unknown
      return;
    case refusal::is_final:
      break;
  }
  with_.waiters->refuse(r.tag, r.why);
  writes_.erase(own);
}

// --- writes

void driver::on_inbox() {
  for (const auto& one : with_.inbox->take())
    if (const auto* write = std::get_if<write_ptr>(&one))
      on_write(*write);
    else
      on_read(std::get<read_ptr>(one));
}

void driver::on_write(const write_ptr& write) {
  auto& u = writes_[write->id.sequence];
  u.write = write;
  if (is_condemned_) {
    with_.waiters->refuse(write->id.sequence, condemned_failure());
    writes_.erase(write->id.sequence);
    return;
  }
  if (quorum_silence() > silence_max()) {
    with_.waiters->refuse(write->id.sequence, no_quorum());
    writes_.erase(write->id.sequence);
    return;
  }
  try_send(u);
}

/// To the leader, if there is one that can commit. A write kept back here is in nobody's log.
void driver::try_send(unsettled& u) {
  const auto leader = core_.leader();
  const auto sequence = u.write->id.sequence;
  if (u.sent || u.is_answered || !leader) return;
  if (leader == with_.core.self) {
    if (!reaches_quorum()) return;
    u.sent = true;
    u.to = leader;
    ++u.copies;
    with_.waiters->mark_sent(sequence);
    step(propose{sequence, u.write->command});
    return;
  }
  if (with_.is_full(leader)) {
    if (u.copies != 0) return;  // again later: an earlier copy may be in a log
    with_.waiters->refuse(sequence, fail(errc::busy,
                                         "too much is on its way to the leader; "
                                         "nothing was changed, try again"));
    u.is_answered = true;
    return;
  }
  if (!with_.send(leader, codec::submit{sequence, u.write->command})) return;
  u.sent = true;
  u.to = leader;
  ++u.copies;
  with_.waiters->mark_sent(sequence);
}

void driver::try_send_all() {
  for (auto& [sequence, u] : writes_) try_send(u);
  for (auto& read : std::exchange(waiting_reads_, {})) ask_read(read);
}

bool driver::reaches_quorum() const {
  auto reachable = sessions_;
  reachable.insert(with_.core.self);
  const auto& members = core_.members();
  return has_majority(members.voters, reachable) && has_majority(members.outgoing, reachable);
}

void driver::expire_writes() {
  const auto now = clock::now();
  const auto [refused, unknown] = with_.waiters->expire(now);
  counts().writes_refused.fetch_add(refused, std::memory_order_relaxed);
  counts().writes_unknown.fetch_add(unknown, std::memory_order_relaxed);
  const auto silence = quorum_silence();
  std::erase_if(writes_, [&](auto& item) {
    auto& [sequence, u] = item;
    if (now >= u.write->deadline || u.is_answered) return true;
    if (silence <= silence_max()) return false;
    if (!with_.waiters->was_sent(sequence)) {
      with_.waiters->refuse(sequence, no_quorum());
      return true;
    }
    if (silence <= 2 * silence_max()) return false;
    with_.waiters->refuse(
        sequence, fail(errc::unknown_outcome,
                       "the quorum was lost while the write was under way; it may or may not have "
                       "happened: look before you repeat it"));
    return true;
  });
  if (silence <= silence_max()) try_send_all();
}

std::chrono::milliseconds driver::quorum_silence() const {
  return core_.ticks_silent() * tick_period_;
}

std::chrono::milliseconds driver::silence_max() const {
  return std::max<std::chrono::milliseconds>(limits::quorum_silence_max,
                                             with_.core.election_ticks * tick_period_);
}

failure driver::no_quorum() const {
  const auto members = core_.status().members;
  auto reachable = sessions_;
  reachable.insert(with_.core.self);
  std::string needed;
  std::string reached;
  std::size_t count = 0;
  for (const auto v : members.voters) {
    needed += (needed.empty() ? "" : ", ") + with_.name_of(v);
    if (!reachable.contains(v)) continue;
    reached += (reached.empty() ? "" : ", ") + with_.name_of(v);
    ++count;
  }
  return fail(errc::no_quorum,
              "No quorum: " + std::to_string(members.voters.size() / 2 + 1) + " of the voters " +
                  needed + " are needed, " + std::to_string(count) + " reachable (" +
                  (reached.empty() ? "none" : reached) +
                  "); nothing was changed. Start the missing members and try again");
}

// --- reads

void driver::on_read(const read_ptr& read) {
  if (is_condemned_) return read->answer(condemned_failure());
  if (quorum_silence() > silence_max()) {
    read->answer(no_quorum());
    return;
  }
  ask_read(read);
}

void driver::ask_read(const read_ptr& read) {
  const auto leader = core_.leader();
  if (!leader || (leader != with_.core.self && !sessions_.contains(leader))) {
    waiting_reads_.push_back(read);
    return;
  }
  const auto tag = tags_.next();
  asked_reads_[tag] = read;
  step(muster::raft::read{tag});
}

void driver::answer_reads() {
  for (const auto& ready : std::exchange(out_.reads, {})) {
    auto asked = asked_reads_.extract(ready.tag);
    if (asked.empty()) continue;
    if (ready.index <= applied_)
      asked.mapped()->answer(ready.index);
    else
      indexed_reads_.emplace(ready.index, asked.mapped());
  }
  for (const auto& refused : std::exchange(out_.reads_refused, {})) {
    auto asked = asked_reads_.extract(refused.tag);
    if (asked.empty()) continue;
    if (refused.why.code == errc::busy)
      asked.mapped()->answer(refused.why);
    else
      waiting_reads_.push_back(asked.mapped());
  }
}

void driver::expire_reads() {
  const auto now = clock::now();
  const bool lost = quorum_silence() > silence_max();
  const auto ended = [&](const read_ptr& read) {
    if (!lost && now < read->deadline) return false;
    read->answer(no_quorum());
    return true;
  };
  std::erase_if(waiting_reads_, ended);
  std::erase_if(asked_reads_, [&](const auto& item) { return ended(item.second); });
  std::erase_if(indexed_reads_, [&](const auto& item) { return ended(item.second); });
  for (auto& read : std::exchange(waiting_reads_, {})) ask_read(read);
}

// --- other members

void driver::on_link(member_id peer, const codec::link_body& body) {
  if (const auto* m = std::get_if<message>(&body)) {
    if (m->from == peer && m->to == with_.core.self && !is_beyond_its_level(*m)) {
      step(received{*m});
      try_wish();
    }
  } else if (const auto* s = std::get_if<codec::submit>(&body)) {
    on_submit(peer, *s);
  } else if (const auto* r = std::get_if<codec::submit_refused>(&body)) {
    if (tag_source::is_own_write(r->tag)) settle_refusal({r->tag, r->why}, peer);
  }
}

/// What no member could read must not get into the log.
void driver::on_submit(member_id peer, const codec::submit& s) {
  const auto refuse = [&](failure why) {
    with_.send(peer, codec::submit_refused{s.tag, std::move(why)});
  };
  if (s.command.size_bytes() > limits::command_bytes_max)
    return refuse(fail(errc::too_large, "the object is too large"));
  if (auto readable = codec::decode_command(s.command); !readable)
    return refuse(fail(errc::bad_request,
                       "the leader cannot read the command: members of "
                       "different builds, or a damaged one"));
  if (core_.leader() == with_.core.self && !reaches_quorum())
    return refuse(fail(errc::not_leader, "the leader has lost its quorum"));
  const auto tag = tags_.next();
  remote_writes_[tag] = {peer, s.tag};
  step(propose{tag, s.command, peer});
}

/// A member that applies nothing any more takes no more entries than its log may keep.
bool driver::is_beyond_its_level(const message& m) const {
  const auto* append = std::get_if<append_request>(&m.body);
  return append && !append->entries.empty() && with_.is_blocked() &&
         core_.last_index().value > applied_.value + limits::log_kept_entries_max;
}

void driver::on_session(member_id peer, bool is_up) {
  if (is_up)
    sessions_.insert(peer);
  else
    sessions_.erase(peer);
  if (is_up)
    step(link_up{peer});
  else
    step(link_down{peer});
  if (peer == core_.leader())  // what was under way in the old session is lost
    for (auto& [sequence, u] : writes_) u.sent = false;
  if (is_up) try_send_all();
  show_board();
}

// --- roles

void driver::on_wish(wish_members wish) {
  wish_ = std::move(wish);
  try_wish();
}

/// Again whenever a follower has answered, until the core takes it: under load one has caught up
/// for an instant only.
void driver::try_wish() {
  if (!wish_ || core_.is_changing_members()) return;
  const bool counts = !is_condemned_ && core_.role_now() == role::leader &&
                      core_.hard().term == wish_->term && core_.members() == wish_->from &&
                      wish_->from != wish_->next;
  if (counts) step(change_members{tags_.next(), wish_->next});
  if (!counts || core_.is_changing_members()) wish_.reset();
}

void driver::on_let_lead(member_id next) {
  if (core_.role_now() == role::leader && !core_.is_changing_members()) step(transfer{next});
}

// --- apply, compaction, snapshots

void driver::on_applied(const applied_report& report) {
  for (const auto sequence : report.settled) writes_.erase(sequence);
  step(applied{report.index, report.digests});
  reach(report.index);
  if (report.members_changed) show_board();
  maybe_flush();
}

/// The state holds everything up to `index`; reads that waited for it may go.
void driver::reach(log_index index) {
  applied_ = index;
  const auto end = indexed_reads_.upper_bound(applied_);
  for (auto at = indexed_reads_.begin(); at != end; ++at) at->second->answer(at->first);
  indexed_reads_.erase(indexed_reads_.begin(), end);
}

void driver::maybe_flush() {
  if (flushing_ || (entries_since_flush_ < limits::log_kept_entries_max / 2 &&
                    bytes_since_flush_ < limits::log_kept_bytes_max / 2))
    return;
  flushing_ = true;
  bytes_kept_ += bytes_since_flush_;
  entries_since_flush_ = 0;
  bytes_since_flush_ = 0;
  self_->send(with_.applier, flush_state{});
}

/// The log is cut at the flush before this one, so that a follower that is a little behind still
/// finds its entries.
void driver::on_flushed(const snapshot_meta& at) {
  flushing_ = false;
  const auto cut = std::exchange(last_flushed_, at);
  if (cut.index <= with_.start.snapshot.index || out_.begins_behind || keeps_log(cut.index)) return;
  bytes_kept_ = 0;
  step(compact{cut});
  self_->send(with_.writer, compact_log{cut});
}

/// Whoever installs a snapshot goes on with the entries behind it: were they cut, it would need the
/// next snapshot at once, and under load one after the other for ever.
bool driver::keeps_log(log_index cut) const {
  const auto wanted = with_.snapshot_in_use();
  return wanted && *wanted < cut && *wanted + 1 >= core_.status().first &&
         bytes_kept_ < limits::log_kept_bytes_max;
}

/// Own writes that the snapshot holds were not seen to apply: they are said again, and the request
/// id tells their outcome.
void driver::on_installed(const snapshot_meta& at) {
  fetching_ = false;
  last_flushed_ = at;
  step(snapshot_installed{at});
  reach(at.index);
  for (auto& [sequence, u] : writes_) u.sent = false;
  try_send_all();
}

// --- members whose state is wrong

failure condemned_failure() {
  return fail(
      errc::unavailable,
      "The state of this member differs from the one of most voters. It serves nothing until "
      "the leader's state has taken its place, which happens by itself. Ask another member");
}

/// What waits is answered by nothing that comes from a wrong state.
void driver::follow_standing() {
  if (core_.is_condemned() == is_condemned_) return;
  is_condemned_ = core_.is_condemned();
  with_.show_standing(is_condemned_);
  if (!is_condemned_) return;
  self_->send(with_.applier, condemn_state{});
  for (const auto& [sequence, u] : std::exchange(writes_, {}))
    with_.waiters->refuse(
        sequence, with_.waiters->was_sent(sequence)
                      ? fail(errc::unknown_outcome, "The write may or may not have happened. " +
                                                        condemned_failure().detail)
                      : condemned_failure());
  for (const auto& read : std::exchange(waiting_reads_, {})) read->answer(condemned_failure());
  for (const auto& [tag, read] : std::exchange(asked_reads_, {})) read->answer(condemned_failure());
  for (const auto& [index, read] : std::exchange(indexed_reads_, {}))
    read->answer(condemned_failure());
}

void driver::show_board() {
  board_view view{core_.status(), applied_, {}, {}, 0, ticks_, tick_period_};
  for (const auto peer : sessions_) view.sessions[peer] = true;
  with_.board->show(std::move(view));
}

raft_handle::behavior_type raft_actor(raft_handle::stateful_broker_pointer<raft_actor_state> self,
                                      driver_settings with) {
  stop_on_exception(static_cast<caf::io::abstract_broker*>(self), "raft actor", with.stop);
  self->state.drive = std::make_unique<driver>(self, std::move(with));
  const auto tick_after = [self](std::chrono::milliseconds pause) {
    caf::delayed_anon_send(caf::actor_cast<raft_handle>(self), pause, tick_now{});
  };
  tick_after(self->state.drive->beat_period());
  return {
      [=](tick_now) {
        self->state.drive->on_beat();
        tick_after(self->state.drive->beat_period());
      },
      [=](look_into_inbox) { self->state.drive->on_inbox(); },
      [=](const from_link& m) { self->state.drive->on_link(m.peer, *m.body); },
      [=](const session_changed& m) { self->state.drive->on_session(m.peer, m.is_up); },
      [=](const batch_written& m) { self->state.drive->on_written(m); },
      [=](const applied_report& m) { self->state.drive->on_applied(m); },
      [=](const state_flushed& m) { self->state.drive->on_flushed(m.at); },
      [=](const state_installed& m) { self->state.drive->on_installed(m.at); },
      [=](const wish_members& m) { self->state.drive->on_wish(m); },
      [=](const let_lead& m) { self->state.drive->on_let_lead(m.next); },
      [=](fetch_failed) { self->state.drive->on_fetch_failed(); },
      [=](carry_out) { self->state.drive->carry_out_now(); },
  };
}

}  // namespace muster::raft
