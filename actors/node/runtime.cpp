#include "actors/node/runtime.hpp"

#include "actors/health/health_actor.hpp"
#include "actors/node/secrets.hpp"
#include "actors/raft/core/start.hpp"
#include "actors/raft/log_writer.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/metrics.hpp"
#include "storage/condemned.hpp"
#include "storage/log/raft_store.hpp"
#include "storage/snapshots/snapshot_files.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <future>

namespace muster::node {

result<std::shared_ptr<runtime>> runtime::start(caf::actor_system& system, runtime_settings with) {
  std::shared_ptr<runtime> r(new runtime(std::move(with)));
  r->system_ = &system;
  if (auto opened = r->open_stores(); !opened) return opened.error();
  r->spawn_actors(system);
  r->refresh_members();
  return r;
}

runtime::~runtime() { stop(); }

std::shared_ptr<storage::state_store> runtime::open_state() {
  auto store = storage::state_store::open(storage::state_directory(with_.data_dir), with_.env);
  if (store) return *std::move(store);
  with_.stop_member(store.error());
  return nullptr;
}

status runtime::open_stores() {
  if (auto prepared = storage::prepare_state(with_.data_dir); !prepared) return prepared;
  auto log = storage::raft_store::open(with_.data_dir + "/raft");
  if (!log) return log.error();
  log_ = *std::move(log);
  auto state = storage::state_store::open(storage::state_directory(with_.data_dir), with_.env);
  if (!state) return state.error();
  holder_ = std::make_shared<state::state_holder>(*std::move(state));
  if (auto dropped = storage::drop_replaced(with_.data_dir); !dropped) return dropped;

  auto contents = log_->take_contents();
  auto plan = raft::plan_start(contents.hard, std::move(contents.start),
                               std::move(contents.entries), holder_->get()->meta());
  if (!plan) return plan.error();
  start_ = std::move(plan->start);
  start_.condemned = storage::is_condemned(with_.data_dir);
  if (start_.condemned) with_.show_standing(true);
  began_new_ = start_.snapshot.index == log_index{} && start_.entries.size() == 1 &&
               start_.entries[0].kind == raft::entry_kind::configuration;
  return plan->log_begins_anew ? log_->write(std::nullopt, start_.snapshot, {}) : ok();
}

codec::hello runtime::make_hello() const {
  codec::hello h;
  h.cluster_uuid = with_.who.cluster_uuid;
  h.epoch_counter = with_.who.epoch_counter;
  h.epoch_random = with_.who.epoch_random;
  h.member = with_.who.member;
  h.started = with_.who.started;
  h.term = board_->get().raft.term;
  h.version = with_.version;
  h.level = with_.level;
  return h;
}

void runtime::spawn_actors(caf::actor_system& system) {
  refresh_facts();
  is_blocked_ = facts()->level > with_.level;
  waiters_ = std::make_shared<raft::write_waiters>(limits::commits_waiting_max);
  board_ = std::make_shared<raft::raft_board>();

  auto link_settings = with_.links;
  link_settings.hello = [this] { return make_hello(); };
  link_settings.on_message = [this](member_id from, std::shared_ptr<const codec::link_body> body) {
    if (const auto* e = std::get_if<codec::operation_event>(body.get()))
      return with_.show_operation_event(from, *e);
    if (const auto* h = std::get_if<codec::hand_over>(body.get()))
      return caf::anon_send(roles_, roles::peer_hands_over{from, h->is_done});
    caf::anon_send(raft_, raft::from_link{from, std::move(body)});
  };
  link_settings.on_session = [this](member_id peer, bool is_up) {
    caf::anon_send(raft_, raft::session_changed{peer, is_up});
    caf::anon_send(roles_, raft::session_changed{peer, is_up});
  };
  links_ = std::make_unique<link::links>(system, std::move(link_settings));

  writer_ = system.spawn<caf::detached>(raft::log_writer, log_, with_.stop_member);
  spawn_roles(system);
  spawn_applier(system);
  raft::driver_settings drive;
  drive.core.self = with_.who.member;
  drive.started = with_.who.started;
  drive.stop = with_.stop_member;
  drive.core.seed = random_number();
  drive.start = std::move(start_);
  drive.waiters = waiters_;
  drive.inbox = inbox_;
  drive.board = board_;
  drive.writer = writer_;
  drive.applier = applier_;
  drive.send = [this](member_id to, codec::link_body body) {
    return links_->send(to, std::move(body));
  };
  drive.is_full = [this](member_id to) { return links_->is_full(to); };
  drive.fetch_snapshot = [this](member_id leader, const raft::snapshot_meta& offered) {
    fetch(leader, offered);
  };
  drive.snapshot_in_use = [this] { return outgoing_.oldest_in_use(clock::now()); };
  drive.facts = [this] { return facts(); };
  drive.is_blocked = [this] { return is_blocked(); };
  drive.show_standing = with_.show_standing;
  drive.note_standing = with_.note_standing;
  drive.name_of = [this](member_id id) {
    const auto p = find_peer(id);
    return p ? p->name : "member " + std::to_string(id.value);
  };
  auto raft = system.middleman().spawn_broker(raft::raft_actor, std::move(drive));
  {
    const std::lock_guard guard(raft_lock_);
    raft_ = std::move(raft);
  }
  spawn_health(system);
}

void runtime::spawn_roles(caf::actor_system& system) {
  roles::balancer_settings b;
  b.self = with_.who.member;
  b.board = board_;
  b.facts = [this] { return facts(); };
  b.wish = [this](raft::wish_members w) { caf::anon_send(raft_actor(), std::move(w)); };
  b.let_lead = [this](raft::let_lead l) { caf::anon_send(raft_actor(), l); };
  b.send = [this](member_id to, codec::hand_over h) { links_->send(to, codec::link_body{h}); };
  b.note = [this](note_roles n) { with_.note(std::move(n), [] {}); };
  b.stop = with_.stop_member;
  roles_ = system.spawn(roles::role_balancer, std::move(b));
}

void runtime::spawn_applier(caf::actor_system& system) {
  state::applier_settings apply;
  apply.self = with_.who.member;
  apply.started = with_.who.started;
  apply.data_dir = with_.data_dir;
  apply.holder = holder_;
  apply.waiters = waiters_;
  apply.show_events = with_.show_events;
  apply.show_changes = [this](const row_changes& changes) { follow(changes); };
  apply.show_replaced = [this] {
    refresh_facts();
    refresh_members();
    with_.show_replaced();
  };
  apply.show_members = [this] {
    refresh_members();
    with_.show_members();
    caf::anon_send(roles_, roles::look_at_roles{});
  };
  apply.reopen = [this] {
    {
      const std::lock_guard guard(replaced_lock_);
      replaced_ = holder_->get()->life();
      has_replaced_ = true;
    }
    outgoing_.forget();
    return open_state();
  };
  apply.look_at_incoming = [this] {
    return storage::state_store::look_at(storage::incoming_directory(with_.data_dir), with_.env);
  };
  apply.level = with_.level;
  apply.is_blocked = is_blocked_;
  apply.show_blocked = [this] { is_blocked_ = true; };
  apply.is_condemned = start_.condemned;
  apply.stop = with_.stop_member;
  applier_ = system.spawn<caf::detached>(state::applier, std::move(apply));
}

void runtime::follow(const row_changes& changes) {
  if (state::decides_facts(changes)) {
    refresh_facts();
    caf::anon_send(roles_, roles::look_at_roles{});
  }
  with_.show_changes(changes);
}

void runtime::spawn_health(caf::actor_system& system) {
  health::health_settings h;
  h.self = with_.who.member;
  h.level = with_.level;
  h.board = [this] { return board_->get(); };
  h.facts = [this] { return facts(); };
  h.peers = [this] { return links_->health(); };
  h.write = with_.note;
  h.stop = with_.stop_member;
  health_ = system.spawn(health::health_actor, std::move(h));
}

void runtime::refresh_facts() {
  auto fresh = std::make_shared<const state::cluster_facts>(state::facts_of(*view()));
  const std::lock_guard guard(facts_lock_);
  facts_ = std::move(fresh);
}

/// Asked of the raft actor, which calls back once.
void runtime::hand_over() {
  auto promise = std::make_shared<std::promise<void>>();
  auto done = promise->get_future();
  caf::anon_send(roles_, roles::leave{[promise] { promise->set_value(); }});
  (void)done.wait_for(limits::hand_over_deadline);
}

std::optional<link::peer> runtime::find_peer(member_id id) const {
  if (const auto m = view()->row<member>({}, {id.value}))
    return link::peer{m->id(), m->name, address_of(*m, with_.edited), m->fingerprint};
  for (const auto& p : with_.first_peers)
    if (p.id == id) return p;
  return std::nullopt;
}

bool runtime::is_in_configuration(member_id id) const {
  const std::lock_guard guard(members_lock_);
  const auto all = raft::all_of(members_);
  return std::binary_search(all.begin(), all.end(), id);
}

std::vector<link::peer> runtime::leaving() const {
  std::vector<link::peer> peers;
  for (const auto& gone : view()->all<removed_member>())
    if (is_in_configuration(gone.id()))
      peers.push_back({gone.id(), gone.name, gone.address, gone.fingerprint});
  return peers;
}

void runtime::refresh_members() {
  {
    const std::lock_guard guard(members_lock_);
    members_ = holder_->get()->meta().members;
  }
  refresh_peers();
}

void runtime::refresh_peers() {
  std::vector<link::peer> peers;
  const auto members = view()->all<member>();
  for (const auto& m : members)
    if (m.id() != with_.who.member && !m.address.empty())
      peers.push_back({m.id(), m.name, address_of(m, with_.edited), m.fingerprint});
  const bool knows_self = std::any_of(members.begin(), members.end(),
                                      [&](const member& m) { return m.id() == with_.who.member; });
  if (!knows_self) {  // a joiner that has not applied its own membership yet
    for (const auto& p : with_.first_peers)
      if (std::none_of(peers.begin(), peers.end(), [&](const auto& q) { return q.id == p.id; }))
        peers.push_back(p);
  }
  for (auto& p : leaving())
    if (p.id != with_.who.member) peers.push_back(std::move(p));
  links_->set_peers(peers);
}

/// The raft actor asks for one at a time: the thread before has done its work.
void runtime::fetch(member_id leader, const raft::snapshot_meta& offered) {
  fetching_ = std::jthread([this, offered, raft = raft_, applier = applier_,
                            from = find_peer(leader)](const std::stop_token& stop) {
    status fetched = fail(errc::not_found, "the leader is not known here");
    if (from) {
      const std::lock_guard alone(incoming_lock_);
      fetched = with_.fetch_snapshot(*from, offered.index, stop);
      last_fetch_ = clock::now();
    }
    if (fetched)
      caf::send_as(raft, applier, raft::install_state{offered});
    else
      caf::anon_send(raft, raft::fetch_failed{});
  });
}

void runtime::keep_house() {
  const auto now = clock::now();
  outgoing_.drop_unused(now);
  drop_replaced_state();
  const std::unique_lock alone(incoming_lock_, std::try_to_lock);
  if (alone && now - last_fetch_ > limits::snapshot_kept_time)  // whoever sent it keeps no longer
    (void)storage::drop_incoming(with_.data_dir).ok();
}

/// The state that another has taken the place of, once nobody reads in it.
void runtime::drop_replaced_state() {
  const std::lock_guard guard(replaced_lock_);
  if (!has_replaced_ || !replaced_.expired()) return;
  has_replaced_ = false;
  (void)storage::drop_replaced(with_.data_dir).ok();
}

void runtime::begin_write(command_body body, const requestor& who, const std::string& trace,
                          clock::time_point deadline, raft::write_answer answer) {
  counts().writes_submitted.fetch_add(1, std::memory_order_relaxed);
  command c{{with_.who.member, with_.who.started, 0}, who, trace, std::move(body)};
  const auto opened = waiters_->open(
      [answer = std::move(answer), trace](result<outcome> done) {
        if (!done && done.error().code == errc::unknown_outcome)
          return answer(
              fail(errc::unknown_outcome, done.error().detail + " (request " + trace + ")"));
        if (done && !done->done) return answer(done->why);
        answer(std::move(done));
      },
      deadline);
  if (!opened) return;
  c.id.sequence = *opened;
  auto words = codec::encode(c);
  if (words.size_bytes() > limits::command_bytes_max)
    return waiters_->refuse(*opened, fail(errc::too_large, "the object is too large"));
  auto write = std::make_shared<raft::pending_write>();
  write->id = c.id;
  write->command = std::move(words);
  write->deadline = deadline;
  ask_raft(std::move(write));
}

void runtime::begin_read(clock::time_point deadline, std::function<void(status)> ready) {
  if (reads_waiting_->fetch_add(1) >= limits::reads_waiting_max) {
    reads_waiting_->fetch_sub(1);
    return ready(fail(errc::busy, "too many reads are waiting on this member; try again"));
  }
  auto read = std::make_shared<raft::pending_read>(
      deadline,
      [waiting = reads_waiting_, ready = std::move(ready)](const result<log_index>& index) {
        waiting->fetch_sub(1);
        if (!index) return ready(index.error());
        counts().reads_indexed.fetch_add(1, std::memory_order_relaxed);
        ready(ok());
      });
  ask_raft(std::move(read));
}

void runtime::ask_raft(std::variant<raft::write_ptr, raft::read_ptr> one) {
  if (inbox_->put(std::move(one))) caf::anon_send(raft_actor(), raft::look_into_inbox{});
}

/// None any more once this member has stopped.
raft::raft_handle runtime::raft_actor() const {
  const std::lock_guard guard(raft_lock_);
  return raft_;
}

std::chrono::milliseconds runtime::quorum_silence() const {
  const auto board = board_->get();
  return board.raft.ticks_since_quorum * board.tick_period;
}

bool runtime::has_leader() const {
  const auto board = board_->get();
  const auto silence = board.raft.ticks_since_quorum * board.tick_period;
  return silence <
         (board.raft.leader ? limits::quorum_silence_max : limits::quorum_silence_max / 2);
}

void runtime::stop() {
  if (stopped_.exchange(true) || !raft_) return;  // the second: its stores did not open
  waiters_->close(
      fail(errc::unknown_outcome, "Incus is shutting down; the write may or may not happen"));
  links_->stop();
  caf::scoped_actor self{*system_};
  for (const auto& actor :
       {health_, caf::actor_cast<caf::actor>(roles_), caf::actor_cast<caf::actor>(raft_),
        caf::actor_cast<caf::actor>(applier_), caf::actor_cast<caf::actor>(writer_)}) {
    self->send_exit(actor, caf::exit_reason::user_shutdown);
    self->wait_for(actor);
  }
  inbox_->close();
  fetching_ = {};  // nobody begins another: asks this one to stop and waits
  {
    const std::lock_guard guard(raft_lock_);
    raft_ = nullptr;
  }
  applier_ = nullptr;
  health_ = nullptr;
  writer_ = nullptr;
  if (auto flushed = holder_->get()->flush(); !flushed) with_.stop_member(flushed.error());
}

}  // namespace muster::node
