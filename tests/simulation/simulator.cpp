#include "tests/simulation/simulator.hpp"

#include "actors/raft/core/start.hpp"
#include "actors/roles/roles_core.hpp"
#include "actors/state/apply.hpp"
#include "actors/state/transaction.hpp"

namespace muster::simulation {

namespace {

constexpr std::uint64_t tick_ms = 60;
constexpr std::uint64_t settle_ms = 20'000;
constexpr std::uint64_t write_gives_up_ms = 5'000;

std::pair<std::uint64_t, std::uint64_t> pair_of(member_id a, member_id b) {
  return std::minmax(a.value, b.value);
}

raft::entry first_entry() {
  raft::entry e;
  e.term = {1};
  e.index = {1};
  e.kind = raft::entry_kind::configuration;
  raft::configuration only;
  only.voters = {{1}};
  e.members = std::make_shared<const raft::configuration>(only);
  return e;
}

}  // namespace

simulator::simulator(settings with) : with_(with), random_(with.seed) {
  for (std::size_t i = 0; i < with_.members; ++i) {
    auto& m = members_.emplace_back();
    m.id = {i + 1};
  }
  members_[0].kept.hard.term = {1};
  members_[0].kept.entries = {first_entry()};
}

// --- time and chance
// --------------------------------------------------------------------------------

void simulator::at(std::uint64_t delay_ms, std::function<void()> what) {
  happenings_.push({now_ms_ + delay_ms, next_order_++, std::move(what)});
}

std::uint64_t simulator::chance(std::uint64_t below) { return random_() % below; }

void simulator::at_member(member& m, std::uint64_t delay_ms, std::function<void()> what) {
  at(delay_ms, [&m, started = m.started, what = std::move(what)] {
    if (m.is_up && m.started == started) what();
  });
}

void simulator::advance_to(std::uint64_t end_ms) {
  while (!happenings_.empty() && happenings_.top().at_ms <= end_ms && check_.violation().empty()) {
    auto next = happenings_.top();
    happenings_.pop();
    now_ms_ = next.at_ms;
    next.what();
    ++steps_;
  }
  now_ms_ = end_ms;
}

// --- a member's life
// ----------------------------------------------------------------------------------

void simulator::boot(member& m) {
  m.started = {m.started.value + 1};
  m.is_up = true;
  m.out = {};
  m.is_writing = false;
  m.state = m.kept.state;
  m.state_meta = m.kept.state_meta;
  m.next_sequence = 1;
  m.writes.clear();
  m.reads.clear();
  m.led_term = {};
  m.apply_at_ms = now_ms_;
  raft::settings s;
  s.self = m.id;
  s.seed = random_();
  auto plan = raft::plan_start(m.kept.hard, m.kept.start, m.kept.entries, m.state_meta);
  MUSTER_ENSURE(plan.ok(), "the state is never older than the log's beginning");
  if (plan->log_begins_anew) {
    m.kept.start = m.state_meta;
    m.kept.entries.clear();
  }
  m.core = std::make_unique<raft::core>(s, std::move(plan->start));
  at_member(m, chance(tick_ms), [this, &m] { tick(m); });
  for (auto& other : members_)
    if (other.is_up && other.id != m.id && is_linked(m.id, other.id)) {
      step(other, raft::link_up{m.id});
      step(m, raft::link_up{other.id});
    }
}

void simulator::crash(member& m) {
  m.is_up = false;
  m.core.reset();
  for (auto& other : members_)
    if (other.is_up) {
      ++session_[pair_of(m.id, other.id)];
      step(other, raft::link_down{m.id});
    }
}

void simulator::tick(member& m) {
  step(m, raft::tick{now_ms_});
  send_writes(m);
  plan_roles(m);
  at_member(m, tick_ms, [this, &m] { tick(m); });
}

void simulator::step(member& m, const raft::input& in) {
  if (!m.is_up) return;
  m.core->step(in, m.out);
  m.core->finish(m.out);
  carry_out(m);
}

/// The order of the real driver: messages, the one write under way, what is committed, answers.
void simulator::carry_out(member& m) {
  for (const auto& message : std::exchange(m.out.messages, {})) send(m, message);
  if (with_.lies_about_durability)
    for (const auto& message : std::exchange(m.out.messages_after_durable, {})) send(m, message);
  write_out(m);
  if (const auto committed = std::exchange(m.out.committed, {}); !committed.empty()) {
    m.apply_at_ms = std::max(m.apply_at_ms, now_ms_ + chance(4));  // in order
    at_member(m, m.apply_at_ms - now_ms_, [this, &m, committed] { apply(m, committed); });
  }
  answer_reads(m);
  m.out.accepted.clear();
  m.out.refused.clear();
  if (m.out.fetch_snapshot) {
    m.out.fetch_snapshot.reset();
    fetch_snapshot(m);
  }
  const auto now = m.core->status();
  if (now.now != raft::role::leader) return;
  check_.saw_leader(m.id, now.term);
  if (std::exchange(m.led_term, now.term) != now.term) check_.saw_new_leader(*m.core);
}

void simulator::write_out(member& m) {
  if (m.is_writing) return;
  if (!m.out.hard && !m.out.begins_behind && m.out.entries.empty()) {
    for (const auto& message : std::exchange(m.out.messages_after_durable, {})) send(m, message);
    return;
  }
  m.is_writing = true;
  const auto hard = std::exchange(m.out.hard, std::nullopt);
  const auto begins_behind = std::exchange(m.out.begins_behind, std::nullopt);
  const auto entries = std::exchange(m.out.entries, {});
  const auto after = std::exchange(m.out.messages_after_durable, {});
  at_member(m, 1 + chance(20), [this, &m, hard, begins_behind, entries, after] {
    if (begins_behind) {
      m.kept.start = *begins_behind;
      m.kept.entries.clear();
    }
    finish_write(m, hard, entries);
    m.is_writing = false;
    for (const auto& message : after) send(m, message);
    if (!entries.empty())
      step(m, raft::durable{entries.back().index, entries.back().term});
    else
      carry_out(m);
  });
}

void simulator::finish_write(member& m, const std::optional<raft::hard_state>& hard,
                             const std::vector<raft::entry>& entries) {
  if (hard) {
    m.kept.hard = *hard;
    check_.saw_durable(m.id, *hard);
  }
  put_entries(m, entries);
}

void simulator::put_entries(member& m, const std::vector<raft::entry>& entries) {
  auto& log = m.kept.entries;
  for (const auto& e : entries) {
    if (e.index <= m.kept.start.index) continue;
    const auto place = e.index.value - m.kept.start.index.value - 1;
    MUSTER_ENSURE(place <= log.size(), "the log on disk has no hole");
    log.resize(place);
    log.push_back(e);
  }
}

void simulator::apply(member& m, const std::vector<raft::entry>& entries) {
  std::vector<std::tuple<command, outcome, log_index>> own;
  for (const auto& e : entries) {
    if (e.index <= m.state_meta.index) continue;  // a snapshot has come in between
    MUSTER_ENSURE(e.index == m.state_meta.index + 1, "committed entries come in order");
    check_.saw_commit(m.id, e);
    state::transaction tx(m.state);
    tx.begin(e.index, e.stamp_ms);
    if (e.kind == raft::entry_kind::configuration) m.state_meta.members = *e.members;
    if (e.kind == raft::entry_kind::command) {
      const auto c = codec::decode_command(e.payload);
      auto done = state::apply(tx, *c);
      if (c->id.member == m.id && c->id.started == m.started) own.emplace_back(*c, done, e.index);
    }
    m.state.write(tx.changes(), e.index);
    m.state_meta.index = e.index;
    m.state_meta.term = e.term;
    m.state_meta.stamp_ms = e.stamp_ms;
    check_.saw_state(m.id, m.state);
  }
  for (const auto& [c, done, index] : own) settle(m, c, done, index);
  step(m, raft::applied{m.state_meta.index});
  cut_log(m);
}

void simulator::settle(member& m, const command& c, const outcome& done, log_index index) {
  const auto at = m.writes.find(c.id.sequence);
  if (at == m.writes.end()) return;
  if (done.done) check_.saw_acknowledged(at->second.name, index);
  m.writes.erase(at);
}

/// Flush, then cut behind the flush: the log never begins behind what the state holds on disk.
void simulator::cut_log(member& m) {
  if (m.state_meta.index.value < m.kept.start.index.value + with_.log_kept || m.is_writing ||
      m.out.begins_behind)
    return;
  m.kept.state = m.state;
  m.kept.state_meta = m.state_meta;
  auto& log = m.kept.entries;
  const auto gone = m.state_meta.index.value - m.kept.start.index.value;
  if (gone > log.size()) return;
  log.erase(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(gone));
  m.kept.start = m.state_meta;
  step(m, raft::compact{m.state_meta});
}

void simulator::fetch_snapshot(member& m) {
  const auto leader = m.core->leader();
  if (!leader) return;
  at_member(m, 20 + chance(100), [this, &m, leader] {
    auto& from = at_id(leader);
    if (!from.is_up || !is_linked(m.id, leader)) return;
    if (from.state_meta.index <= m.state_meta.index) return;
    m.state = m.kept.state = from.state;
    m.state_meta = m.kept.state_meta = from.state_meta;
    m.apply_at_ms = std::max(m.apply_at_ms, now_ms_) + chance(20);  // told behind what is applied
    at_member(m, m.apply_at_ms - now_ms_,
              [this, &m, meta = m.state_meta] { step(m, raft::snapshot_installed{meta}); });
  });
}

void simulator::plan_roles(member& m) {
  const auto now = m.core->status();
  if (now.now != raft::role::leader) return;
  std::vector<roles::candidate> candidates;
  for (const auto& other : members_) {
    if (other.started.value == 0) continue;  // has not joined yet
    roles::candidate c{other.id, other.is_up && is_linked(m.id, other.id), other.id == m.id};
    for (const auto& p : now.progress)
      if (p.peer == other.id) c.is_caught_up = p.match >= now.commit;
    candidates.push_back(c);
  }
  if (auto next = roles::plan(now.members, candidates, m.id, {}))
    step(m, raft::change_members{m.next_tag++, *std::move(next)});
}

// --- clients and links
// --------------------------------------------------------------------------------

void simulator::client_write(member& m) {
  profile p;
  p.name = "p" + std::to_string(next_name_++);
  p.head.project = {};
  const auto sequence = m.next_sequence++;
  command c{{m.id, m.started, sequence}, {}, {}, create_object{p}};
  m.writes[sequence] = {p.name, codec::encode(c), now_ms_};
  send_writes(m);
}

/// To the leader; again and again until it is applied here: the request id makes that harmless.
void simulator::send_writes(member& m) {
  std::erase_if(m.writes,
                [&](const auto& w) { return now_ms_ - w.second.asked_ms > write_gives_up_ms; });
  const auto leader = m.core->leader();
  if (!leader) return;
  const auto writes = m.writes;
  for (const auto& [sequence, w] : writes) {
    if (leader == m.id) {
      if (now_ms_ - w.asked_ms < tick_ms || chance(8) == 0)
        step(m, raft::propose{sequence, w.command});
    } else {
      deliver_later(m.id, leader, [this, command = w.command](member& there) {
        step(there, raft::propose{there.next_tag++, command});
      });
    }
    if (!m.is_up) return;
  }
}

void simulator::client_read(member& m) {
  const auto tag = m.next_tag++;
  m.reads[tag] = check_.acknowledged();
  step(m, raft::read{tag});
}

void simulator::answer_reads(member& m) {
  for (const auto& ready : std::exchange(m.out.reads, {}))
    if (const auto at = m.reads.find(ready.tag); at != m.reads.end()) {
      check_.saw_read(at->second, ready.index);
      m.reads.erase(at);
    }
  for (const auto& refused : std::exchange(m.out.reads_refused, {})) m.reads.erase(refused.tag);
}

bool simulator::is_linked(member_id a, member_id b) const { return !cut_.contains(pair_of(a, b)); }

void simulator::send(member& from, const raft::message& message) {
  deliver_later(from.id, message.to,
                [this, message](member& to) { step(to, raft::received{message}); });
}

/// In order and at most once within a session; nothing survives a cut.
void simulator::deliver_later(member_id from, member_id to, std::function<void(member&)> what) {
  if (!is_linked(from, to) || !at_id(to).is_up) return;
  const auto session = session_[pair_of(from, to)];
  auto& last = last_delivery_ms_[{from.value, to.value}];
  last = std::max(last, now_ms_ + 1 + chance(chance(20) == 0 ? 200 : 10));
  at(last - now_ms_, [this, from, to, session, what = std::move(what)] {
    if (session_[pair_of(from, to)] == session && is_linked(from, to) && at_id(to).is_up)
      what(at_id(to));
  });
}

void simulator::set_link(std::size_t a, std::size_t b, bool is_up) {
  auto& x = members_[a];
  auto& y = members_[b];
  const auto pair = pair_of(x.id, y.id);
  if (cut_.contains(pair) != is_up) return;
  if (is_up)
    cut_.erase(pair);
  else
    cut_.insert(pair);
  ++session_[pair];
  if (!x.is_up || !y.is_up) return;
  for (auto* m : {&x, &y}) {
    const auto other = m == &x ? y.id : x.id;
    if (is_up)
      step(*m, raft::link_up{other});
    else
      step(*m, raft::link_down{other});
  }
}

void simulator::inject_fault() {
  const auto a = chance(members_.size());
  const auto b = chance(members_.size());
  auto& m = members_[a];
  if (m.started.value == 0) return;
  switch (chance(6)) {
    case 0:
    case 1:
      if (m.is_up) crash(m);
      break;
    case 2:
      if (!m.is_up) boot(m);
      break;
    case 3:
      if (a != b) set_link(a, b, false);
      break;
    case 4:
      heal();
      break;
    case 5:
      for (std::size_t other = 0; other < members_.size(); ++other)
        if (other != a) set_link(a, other, false);
      break;
  }
}

void simulator::heal() {
  for (std::size_t a = 0; a < members_.size(); ++a)
    for (std::size_t b = a + 1; b < members_.size(); ++b) set_link(a, b, true);
  for (auto& m : members_)
    if (!m.is_up && m.started.value != 0) boot(m);
}

std::string simulator::run() {
  boot(members_[0]);
  advance_to(2'000);
  for (std::size_t i = 1; i < members_.size(); ++i) {
    boot(members_[i]);
    advance_to(now_ms_ + 500);
  }
  while (now_ms_ < with_.length_ms && check_.violation().empty()) {
    auto& m = members_[chance(members_.size())];
    if (m.is_up) chance(3) == 0 ? client_read(m) : client_write(m);
    if (with_.with_faults && chance(25) == 0) inject_fault();
    advance_to(now_ms_ + 1 + chance(60));
  }
  heal();
  advance_to(now_ms_ + settle_ms);
  for (auto& m : members_)
    if (check_.violation().empty()) check_.finish(m.state);
  return check_.violation();
}

}  // namespace muster::simulation
