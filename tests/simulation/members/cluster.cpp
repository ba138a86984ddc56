#include "tests/simulation/members/cluster.hpp"

#include "actors/roles/roles_core.hpp"
#include "schemas/codec/codec.hpp"
#include "tests/simulation/members/describe.hpp"

#include <algorithm>

namespace muster::simulation {

cluster::cluster(const cluster_settings& with, schedule& time, network& net, chance& random,
                 marks& met, invariants& rules)
    : with_(with), time_(time), net_(net), random_(random), met_(met), rules_(rules) {
  for (std::size_t i = 0; i < with_.members; ++i) add_member();
  raft::configuration only;
  only.voters = {{1}};
  nodes_[0].m.kept().bootstrap(only);
}

node& cluster::add_member() {
  auto& n = nodes_.emplace_back(member_id{nodes_.size() + 1}, rules_, met_);
  n.tick_ms = with_.tick_ms;
  wanted_.insert(n.m.id());
  return n;
}

node* cluster::leader() {
  node* found = nullptr;
  for (auto& n : nodes_)
    if (n.m.is_up() && n.m.core().role_now() == raft::role::leader &&
        (!found || n.m.core().hard().term > found->m.core().hard().term))
      found = &n;
  return found;
}

// --- time

/// Later, if the member still runs in the same start; a paused one does it when it goes on.
void cluster::run_for(node& n, std::uint64_t delay_ms, std::function<void()> what) {
  time_.in(delay_ms, [this, &n, started = n.m.started(), what = std::move(what)]() mutable {
    if (!n.m.is_up() || n.m.started() != started) return;
    if (time_.now_ms() < n.paused_until_ms)
      return run_for(n, n.paused_until_ms - time_.now_ms(), std::move(what));
    what();
  });
}

/// Everything that waits keeps its order; what was in the mailbox comes before the next tick.
void cluster::pause(node& n, std::uint64_t until_ms) {
  n.paused_until_ms = std::max(n.paused_until_ms, until_ms);
  met_.hit(mark::paused);
}

void cluster::tick(node& n) {
  run_for(n, n.tick_ms, [this, &n] { tick(n); });
  const auto wall = static_cast<std::int64_t>(1'000'000 + time_.now_ms()) + n.clock_off_ms;
  step(n, raft::tick{static_cast<std::uint64_t>(std::max<std::int64_t>(wall, 0))});
  if (!n.m.is_up()) return;
  send_writes(n, true);
  if (n.m.is_up() && ++n.ticks % 4 == 0) plan_roles(n);
}

// --- life

void cluster::boot(node& n) {
  if (n.m.is_up() || n.m.is_damaged()) return;
  raft::settings s;
  s.self = n.m.id();
  s.seed = random_.next();
  s.append_bytes_max = with_.append_bytes_max;
  s.inflight_bytes_max = with_.inflight_bytes_max;
  s.uncommitted_bytes_max = with_.uncommitted_bytes_max;
  if (!n.m.start(s).ok()) return;
  if (told_)
    *told_ << time_.now_ms() << " member " << n.m.id().value << " starts: " << describe(n.m.core())
           << "\n";
  n.disk_is_full = false;
  n.paused_until_ms = 0;
  n.apply_at_ms = time_.now_ms();
  n.is_fetching = n.is_flushing = false;
  n.is_condemned = n.m.core().is_condemned();
  n.flushed = n.m.kept().state()->meta;
  n.writes.clear();
  n.next_sequence = 1;
  n.next_tag = n.m.started().value << 32;
  run_for(n, random_.below(n.tick_ms), [this, &n] { tick(n); });
  for (auto& other : nodes_)
    if (other.m.is_up() && &other != &n && net_.is_linked(n.m.id(), other.m.id()))
      notify_link(n.m.id(), other.m.id(), true);
}

void cluster::crash(node& n) {
  if (!n.m.is_up()) return;
  n.fails_at = stage::none;
  n.m.stop();
  if (told_) *told_ << time_.now_ms() << " member " << n.m.id().value << " goes down\n";
  auto& kept = n.m.kept();
  if (kept.is_writing()) {
    const auto fate = static_cast<write_fate>(random_.below(3));
    met_.hit(fate == write_fate::lost   ? mark::tail_lost
             : fate == write_fate::torn ? mark::write_torn
                                        : mark::write_whole_untold);
    kept.cut_power(fate, random_);
    rules_.synced(n.m.id());
  }
  hear.went_down(n);
  for (auto& other : nodes_) {
    if (&other == &n) continue;
    net_.end_session(n.m.id(), other.m.id());
    if (!other.m.is_up() || !net_.is_linked(n.m.id(), other.m.id()) || random_.one_in(4)) continue;
    run_for(other, 1 + random_.below(20),
            [this, &other, gone = n.m.id()] { step(other, raft::link_down{gone}); });
  }
}

void cluster::notify_link(member_id a, member_id b, bool is_up) {
  for (const auto& [self, peer] : {std::pair{a, b}, std::pair{b, a}}) {
    auto& n = at(self);
    if (!n.m.is_up()) continue;
    run_for(n, random_.below(5), [this, &n, peer = peer, is_up] {
      if (is_up)
        step(n, raft::link_up{peer});
      else
        step(n, raft::link_down{peer});
    });
  }
}

bool cluster::power_fails(node& n, stage where) {
  if (n.fails_at != where) return false;
  constexpr auto first = static_cast<std::size_t>(mark::crash_before_sends);
  met_.hit(static_cast<mark>(first + static_cast<std::size_t>(where) - 1));
  crash(n);
  return true;
}

// --- the driver's order

void cluster::step(node& n, const raft::input& in) {
  if (!n.m.is_up()) return;
  n.m.step(in);
  const auto& c = n.m.core();
  mix(trace_, time_.now_ms() << 8 | n.m.id().value);
  mix(trace_, in.index() << 2 | static_cast<std::uint64_t>(c.role_now()));
  mix(trace_, c.hard().term.value << 32 | c.commit_index().value);
  mix(trace_, c.entries().last().value);
  if (told_)
    *told_ << time_.now_ms() << " member " << n.m.id().value << ": " << describe(in) << " => "
           << describe(c) << "\n";
  carry_out(n);
}

void cluster::carry_out(node& n) {
  follow_standing(n);
  auto& out = n.m.out();
  if (!out.messages.empty()) {
    if (power_fails(n, stage::before_sends)) return;
    for (const auto& m : n.m.take_sends()) send(n, m);
  }
  if (with_.lies_about_disks)
    for (const auto& m : n.m.take_replies_too_early()) send(n, m);
  write_out(n);
  if (!n.m.is_up()) return;
  if (auto committed = n.m.take_committed(); !committed.empty()) {
    n.apply_at_ms = std::max(n.apply_at_ms, time_.now_ms() + random_.below(4));  // in order
    run_for(n, n.apply_at_ms - time_.now_ms(),
            [this, &n, committed = std::move(committed)] { apply(n, committed); });
  }
  answer(n);
  if (!std::exchange(out.fetch_snapshot, std::nullopt) || n.is_fetching) return;
  fetch_snapshot(n);
}

void cluster::write_out(node& n) {
  const auto& out = n.m.out();
  if (!n.m.is_writing() && (out.hard || out.begins_behind || !out.entries.empty()) &&
      power_fails(n, stage::before_write))
    return;
  if (!n.m.begin_write()) {
    for (const auto& m : n.m.take_replies()) send(n, m);
    return;
  }
  const bool is_slow = time_.now_ms() < n.slow_until_ms;
  if (is_slow) met_.hit(mark::disk_slow);
  const auto delay = is_slow ? random_.between(300, 3'000) : 1 + random_.below(20);
  if (std::exchange(cuts_power_, false)) {
    is_cut_due_ = true;
    time_.in(random_.below(delay + 1), [this] {
      if (!std::exchange(is_cut_due_, false)) return;
      met_.hit(mark::power_cut);
      for (auto& other : nodes_) crash(other);
    });
  }
  run_for(n, delay / 2, [this, &n] { power_fails(n, stage::in_write); });
  run_for(n, delay, [this, &n] { disk_done(n); });
}

void cluster::disk_done(node& n) {
  if (n.disk_is_full) {  // the member stops before it can say anything
    met_.hit(mark::disk_full);
    return crash(n);
  }
  n.m.sync_write();
  if (power_fails(n, stage::before_replies)) return;
  for (const auto& m : n.m.end_write()) send(n, m);
  if (power_fails(n, stage::before_durable_told)) return;
  n.m.tell_durable();
  carry_out(n);
}

void cluster::apply(node& n, const std::vector<raft::entry>& entries) {
  if (power_fails(n, stage::before_apply)) return;
  n.m.apply(entries, [&](const command& c, const outcome& done, log_index index) {
    n.writes.erase(c.id.sequence);
    hear.settled(n, c, done, index);
  });
  hear.has_applied(n);
  n.m.tell_applied();
  carry_out(n);
  if (n.m.is_up()) maybe_flush(n);
}

void cluster::maybe_flush(node& n) {
  if (n.is_flushing || n.m.state().meta.index.value < n.flushed.index.value + with_.log_kept)
    return;
  n.is_flushing = true;
  run_for(n, random_.below(30), [this, &n] { flush(n); });
}

/// The log is cut at the flush before this one or, at times, at this one.
void cluster::flush(node& n) {
  if (power_fails(n, stage::before_flush)) return;
  n.is_flushing = false;
  const auto at = n.m.flush();
  const auto before = std::exchange(n.flushed, at);
  if (power_fails(n, stage::before_cut)) return;
  const auto cut = random_.one_in(2) ? at : before;
  if (n.m.is_writing() || n.m.out().begins_behind || cut.index > n.m.kept().last() ||
      cut.index <= n.m.kept().start().index || cut.index > n.m.core().applied_index())
    return;
  n.m.cut_log(cut);
  carry_out(n);
}

void cluster::fetch_snapshot(node& n) {
  const auto from = n.m.out().fetch_from;
  n.is_fetching = true;
  const auto takes_ms = random_.one_in(n.is_condemned ? 2 : 4) ? random_.between(500, 8'000)
                                                               : random_.between(20, 120);
  run_for(n, takes_ms, [this, &n, from] {
    auto& source = at(from);
    n.is_fetching = false;
    if (!source.m.is_up() || !net_.is_linked(n.m.id(), from) || source.m.core().is_condemned())
      return;
    n.apply_at_ms = std::max(n.apply_at_ms, time_.now_ms() + random_.below(20));
    run_for(n, n.apply_at_ms - time_.now_ms(),
            [this, &n, state = std::make_shared<const saved_state>(source.m.state())] {
              install(n, state);
            });
  });
}

/// In the order of apply, as the real applier does it.
void cluster::install(node& n, const std::shared_ptr<const saved_state>& state) {
  if (power_fails(n, stage::before_install)) return;
  if (!n.m.install(state)) return;
  n.flushed = state->meta;
  if (power_fails(n, stage::before_install_told)) return;
  n.m.tell_installed();
  hear.has_applied(n);
  carry_out(n);
  send_writes(n, true);  // own writes that the snapshot holds were not seen to apply
}

/// The mark of a condemned member reaches the disk in the order of apply.
void cluster::follow_standing(node& n) {
  const auto& c = n.m.core();
  const bool leads = c.role_now() == raft::role::leader;
  if (leads && n.m.state().is_wrong && !most_are_right(c.members())) rules_.let_wrong_prevail();
  if (std::exchange(n.is_condemned, c.is_condemned()) == c.is_condemned() || !c.is_condemned())
    return;
  met_.hit(leads ? mark::leader_condemned : mark::member_condemned);
  rules_.condemned(n.m.id(), n.m.state(), most_are_right(c.members()));
  n.writes.clear();
  hear.stopped_serving(n);
  n.apply_at_ms = std::max(n.apply_at_ms, time_.now_ms() + random_.below(4));
  run_for(n, n.apply_at_ms - time_.now_ms(), [&n] { n.m.condemn(); });
}

bool cluster::most_are_right(const raft::configuration& members) {
  const auto is_right = [&](member_id id) {
    const auto& m = at(id).m;
    return !(m.is_up() ? m.state() : *at(id).m.kept().state()).is_wrong;
  };
  for (const auto* set : {&members.voters, &members.outgoing}) {
    const auto count = static_cast<std::size_t>(std::count_if(set->begin(), set->end(), is_right));
    if (!set->empty() && count * 2 <= set->size()) return false;
  }
  return true;
}

void cluster::answer(node& n) {
  n.m.out().accepted.clear();
  n.m.out().refused.clear();
  n.m.out().standings.clear();
  for (const auto& r : std::exchange(n.m.out().reads, {})) hear.read_ready(n, r.tag, r.index);
  for (const auto& r : std::exchange(n.m.out().reads_refused, {})) hear.read_refused(n, r.tag);
}

void cluster::plan_roles(node& n) {
  if (!with_.plans_roles || n.m.core().role_now() != raft::role::leader || n.is_condemned) return;
  const auto now = n.m.core().status();
  std::vector<roles::candidate> candidates;
  for (const auto id : wanted_) {
    auto& other = at(id);
    if (other.m.started().value == 0) continue;  // has not joined yet
    roles::candidate c;
    c.id = id;
    c.is_online = other.m.is_up() && net_.is_linked(n.m.id(), id);
    c.is_caught_up = id == n.m.id();
    for (const auto& p : now.progress)
      if (p.peer == id) c.is_caught_up = p.match >= now.commit && !p.condemned;
    candidates.push_back(c);
  }
  if (auto next = roles::plan(now.members, candidates, n.m.id(), {}))
    step(n, raft::change_members{n.next_tag++, std::move(next->next)});
}

// --- clients and messages

std::uint64_t cluster::write(node& n, const command_body& body) {
  const auto sequence = n.next_sequence++;
  n.writes[sequence] = codec::encode(command{{n.m.id(), n.m.started(), sequence}, {}, {}, body});
  send_writes(n, false);
  return sequence;
}

std::uint64_t cluster::read(node& n) {
  const auto tag = n.next_tag++;
  step(n, raft::read{tag});
  return tag;
}

/// To the leader; again now and then until it is applied here: the request id makes that harmless.
void cluster::send_writes(node& n, bool again) {
  if (n.writes.empty()) return;
  const auto writes = n.writes;
  for (const auto& [sequence, bytes] : writes) {
    const bool is_newest = sequence + 1 == n.next_sequence;
    if (again ? !random_.one_in(8) : !is_newest) continue;
    if (!n.m.is_up()) return;
    const auto leader = n.m.core().leader();
    if (!leader) return;
    if (leader == n.m.id()) {
      step(n, raft::propose{n.next_tag++, bytes});
    } else {
      deliver(n.m.id(), leader, [this, bytes = bytes, from = n.m.id()](node& there) {
        step(there, raft::propose{there.next_tag++, bytes, from});
      });
    }
  }
}

void cluster::send(node& from, const raft::message& m) {
  ++sent_;
  mix(trace_, m.to.value << 8 | m.body.index());
  deliver(from.m.id(), m.to, [this, m](node& to) { step(to, raft::received{m}); });
}

void cluster::deliver(member_id from, member_id to, std::function<void(node&)> what) {
  if (to.value > nodes_.size()) return;
  const auto session = net_.session(from, to);
  for (const auto at_ms : net_.arrivals_ms(from, to, time_.now_ms()))
    time_.in(at_ms - time_.now_ms(),
             [this, from, to, session, what] { arrive(from, to, session, what); });
}

void cluster::arrive(member_id from, member_id to, std::uint64_t session,
                     const std::function<void(node&)>& what) {
  auto& n = at(to);
  if (!n.m.is_up()) return;
  if (net_.has_sessions() && (net_.session(from, to) != session || !net_.is_open(from, to))) return;
  if (time_.now_ms() < n.paused_until_ms) {
    time_.in(n.paused_until_ms - time_.now_ms(),
             [this, from, to, session, what] { arrive(from, to, session, what); });
    return;
  }
  what(n);
}

}  // namespace muster::simulation
