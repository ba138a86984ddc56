#include "actors/node/node.hpp"

#include "actors/instances/running.hpp"
#include "actors/node/secrets.hpp"
#include "actors/snapshots/https_source.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/metrics.hpp"
#include "schemas/basic/wall_clock.hpp"
#include "storage/rows/map_view.hpp"

#include <future>
#include <sys/utsname.h>

namespace muster::node {

namespace {

failure blocked_failure() {
  return fail(errc::unavailable,
              "The cluster acts at a level that this build does not know: this member needs "
              "updating to a newer version. Nothing was changed; ask another member");
}

requestor system_requestor() { return {"", "", ""}; }

/// Waits for an answer that is called back. What is asked answers at the deadline; the second
/// after it is for a member that is stopped meanwhile.
template <class T>
result<T> wait_for(clock::time_point deadline,
                   const std::function<void(std::function<void(result<T>)>)>& ask) {
  auto promise = std::make_shared<std::promise<result<T>>>();
  auto answer = promise->get_future();
  ask([promise](result<T> r) { promise->set_value(std::move(r)); });
  if (answer.wait_until(deadline + std::chrono::seconds(1)) != std::future_status::ready)
    return fail(errc::unknown_outcome, "no answer in time; look before you repeat it");
  return answer.get();
}

}  // namespace

std::string machine() {
  utsname u{};
  ::uname(&u);
  return u.machine;
}

node::node(caf::actor_system& system, node_settings with)
    : system_(system),
      with_(std::move(with)),
      contexts_(std::make_shared<tls::server_contexts>()),
      operations_([this](const operation& o) { with_.show_operation(o); }) {}

node::~node() { stop(); }

status node::load_certificates() {
  auto own = tls::load_or_make(with_.data_dir, "server", with_.name);
  if (!own) return own.error();
  if (own_.certificate.empty()) own_ = *std::move(own);  // it never changes; links read it
  auto cluster = load_shown();
  if (!cluster && cluster.error().code != errc::not_found) return cluster.error();
  {
    const std::unique_lock guard(lock_);
    shown_ = cluster ? *std::move(cluster) : own_;
  }
  return contexts_->set(shown_pair(), own_);
}

tls::pem_pair node::shown_pair() const {
  const std::shared_lock guard(lock_);
  return shown_;
}

status node::start(bool bootstrap) {
  if (auto finished = finish_put_aside(with_.data_dir); !finished) return finished;
  if (auto notice = load_removed(with_.data_dir)) {
    if (!instances::running_in(with_.data_dir).empty()) notice->forced = true;
    if (!notice->forced)
      if (auto done = put_aside(with_.data_dir, aside::membership); !done) return done;
    if (notice->forced) {
      removed_ = notice;
      is_removed_ = true;
      with_.log(*why_removed());
    }
  }
  if (auto accepted = load_accepted(with_.data_dir))
    if (auto adopted = adopt_accepted(with_.data_dir, *accepted); !adopted) return adopted;
  auto found = find_identity(with_.data_dir);
  if (!found) return found.error();
  if (!*found)
    if (auto begun = begin_new(bootstrap); !begun) return begun;
  if (auto loaded = load_certificates(); !loaded) return loaded;
  if (auto run = run_member(); !run) return run;
  if (auto done = ensure_bootstrapped(bootstrap); !done) return done;
  finish_join_if_applied();
  look_for_own_removal();
  follow_certificate();
  announce_address();
  if (auto intent = load_intent(with_.data_dir); intent && !load_accepted(with_.data_dir))
    resume_join(*intent);
  return ok();
}

/// What others are told must be an address they can dial.
status node::check_reachable() const {
  const auto own = address();
  const auto host = tls::split_address(own).first;
  if (own.empty() || host.empty() || host == "0.0.0.0" || host == "::")
    return fail(
        errc::bad_request,
        "a cluster needs an address that the other members can reach: give --address HOST:PORT");
  return ok();
}

status node::begin_new(bool bootstrap) {
  if (bootstrap) {
    if (auto good = check_reachable(); !good) return good;
    if (auto made = tls::store(with_.data_dir, "cluster", tls::make_certificate(with_.name)); !made)
      return made;
  }
  storage::identity who;
  who.cluster_uuid = make_uuid({1});
  who.member = {1};
  who.epoch_random = random_number();
  return create_member(with_.data_dir, who, true);
}

status node::run_member() {
  auto who = begin_incarnation(with_.data_dir);
  if (!who) return who.error();
  runtime_settings r;
  r.data_dir = with_.data_dir;
  r.who = *who;
  r.env = with_.env;
  r.first_peers = load_peers(with_.data_dir);
  r.edited = load_edited(with_.data_dir);
  r.links = link_settings();
  r.fetch_snapshot = [this](const auto& leader, log_index offered, const std::stop_token& stop) {
    return fetch_snapshot(leader, offered, stop);
  };
  r.show_events = with_.show_events;
  r.show_members = [this] { when_members_changed(); };
  r.show_changes = [this](const row_changes& changes) { when_changed(changes); };
  r.show_replaced = [this] {
    when_members_changed();
    follow_certificate();
    with_.show_replaced();
  };
  r.note = [this](command_body body, const std::function<void()>& ended) {
    begin_write(std::move(body), system_requestor(), "cluster",
                clock::now() + limits::write_deadline,
                [ended](const result<outcome>&) { ended(); });
  };
  r.show_operation_event = [this](member_id, const codec::operation_event& e) {
    with_.show_remote_operation(e.json);
  };
  r.stop_member = with_.stop_member;
  r.show_standing = [this](bool is_condemned) { show_standing(is_condemned); };
  r.note_standing = [this](member_id id, bool is_condemned) { note_standing(id, is_condemned); };
  r.version = muster_version;
  r.level = with_.level;
  auto started = runtime::start(system_, std::move(r));
  if (!started) return started.error();
  {
    const std::unique_lock guard(lock_);
    runtime_ = *std::move(started);
  }
  if (address().empty())
    if (const auto m = local_view()->row<member>({}, {who->member.value})) set_address(m->address);
  refresh_trust();
  with_.show_replaced();
  return ok();
}

/// The first command of a log. Repeated after a crash it is refused and changes nothing.
status node::ensure_bootstrapped(bool enabled) {
  if (!(*now())->began_new()) return ok();  // the state is there, or comes from others
  bootstrap b;
  b.uuid = (*now())->who().cluster_uuid;
  b.epoch_random = (*now())->who().epoch_random;
  b.first.name = with_.name;
  b.first.address = address();
  b.first.certificate = own_.certificate;
  b.first.fingerprint = *tls::fingerprint_of(own_.certificate);
  b.first.architecture = machine();
  b.enabled = enabled;
  if (enabled) b.cluster_certificate = shown_pair().certificate;
  auto done =
      write(std::move(b), system_requestor(), "start", clock::now() + limits::write_deadline);
  if (!done && done.error().code != errc::conflict) return done.error();
  return ok();
}

void node::hand_over() {
  if (auto r = now(); r && is_clustered()) (*r)->hand_over();
}

void node::stop() {
  if (stopping_.exchange(true)) return;
  operations_.stop(clock::now() + limits::shutdown_deadline);
  {
    std::thread last_reset;
    {
      const std::lock_guard guard(removed_lock_);
      last_reset = std::move(resetting_);
    }
    if (last_reset.joinable()) last_reset.join();
    if (announcing_.joinable()) announcing_.join();
    const std::lock_guard guard(fetching_lock_);
    if (fetching_.joinable()) fetching_.join();
  }
  std::shared_ptr<runtime> last;
  {
    const std::unique_lock guard(lock_);
    last = std::move(runtime_);
  }
  if (last) last->stop();
}

// --- the cluster, for requests

result<std::shared_ptr<runtime>> node::now() const {
  const std::shared_lock guard(lock_);
  if (runtime_) return runtime_;
  return fail(errc::unavailable, stopping_ ? "Incus is shutting down" : "Daemon is starting up");
}

std::set<member_id> node::online() const {
  std::set<member_id> all{self()};
  if (auto r = now())
    for (const auto& h : (*r)->peers().health())
      if (h.is_up) all.insert(h.id);
  return all;
}

std::unique_ptr<state_view> node::local_view() const {
  if (auto r = now()) return (*r)->view();
  return std::make_unique<storage::map_view>();
}

std::optional<acting_member> node::acting() const {
  auto r = now();
  if (!r) return std::nullopt;
  acting_member a{(*r)->who().member, {}, (*r)->view()};
  const auto info = a.view->only<cluster>();
  if (!info || !a.view->row<member>({}, {a.self.value})) return std::nullopt;
  a.cluster = info->uuid;
  if (barred()) return std::nullopt;  // asked last: the view may be of a state known to be wrong
  return a;
}

void node::begin_write(command_body body, const requestor& who, const std::string& trace,
                       clock::time_point deadline, raft::write_answer answer) const {
  auto r = now();
  if (!r) return answer(r.error());
  if ((*r)->is_blocked()) return answer(blocked_failure());
  (*r)->begin_write(std::move(body), who, trace, deadline, std::move(answer));
}

result<outcome> node::write(command_body body, const requestor& who, const std::string& trace,
                            clock::time_point deadline) {
  return wait_for<outcome>(deadline, [&](const auto& answer) {
    begin_write(std::move(body), who, trace, deadline, answer);
  });
}

void node::begin_read(freshness wanted, std::function<void(result<staleness>)> ready) const {
  auto r = now();
  if (!r) return ready(r.error());
  if (auto why = barred()) return ready(*why);
  const auto answer_stale = [run = std::weak_ptr(*r), ready](std::chrono::seconds least) {
    counts().reads_stale.fetch_add(1, std::memory_order_relaxed);
    const auto alive = run.lock();
    const auto silence = alive ? alive->quorum_silence() : std::chrono::milliseconds(0);
    ready(staleness(
        std::max(std::chrono::duration_cast<std::chrono::seconds>(silence), least).count()));
  };
  if (wanted == freshness::stale) return answer_stale(std::chrono::seconds(0));
  if ((*r)->is_blocked())
    return wanted == freshness::strict ? ready(blocked_failure())
                                       : answer_stale(std::chrono::seconds(1));
  (*r)->begin_read(clock::now() + limits::read_deadline, [=, this](const status& readable) {
    if (readable) return ready(staleness());
    if (wanted == freshness::strict || readable.error().code == errc::busy || barred())
      return ready(readable.error());
    answer_stale(std::chrono::seconds(1));
  });
}

result<node::reading> node::read(freshness wanted) const {
  auto how = wait_for<staleness>(clock::now() + limits::read_deadline,
                                 [&](const auto& answer) { begin_read(wanted, answer); });
  if (!how) return how.error();
  return reading{local_view(), *how};
}

status node::wait_readable() const {
  auto how = read(freshness::strict);
  return how ? ok() : status(how.error());
}

member_id node::self() const {
  auto r = now();
  return r ? (*r)->who().member : member_id{};
}

std::string node::address() const {
  const std::shared_lock guard(lock_);
  return with_.address;
}

void node::set_address(const std::string& address) {
  const std::unique_lock guard(lock_);
  with_.address = address;
}

std::string node::name() const {
  auto r = now();
  if (r)
    if (const auto m = (*r)->view()->row<member>({}, {(*r)->who().member.value})) return m->name;
  return with_.name;
}

bool node::is_clustered() const {
  auto r = now();
  if (!r) return false;
  const auto c = (*r)->view()->only<cluster>();
  return c && c->enabled;
}

std::optional<std::uint64_t> node::silent_since_ms(member_id id,
                                                   const member_standing& noted) const {
  auto r = now();
  if (!r || id == (*r)->who().member) return std::nullopt;
  if (noted.is_offline) return noted.silent_since_ms;
  if ((*r)->quorum_silence() < limits::quorum_silence_max) return std::nullopt;
  for (const auto& h : (*r)->peers().health()) {
    const auto silent = clock::now() - h.last_heard;
    if (h.id == id && !h.is_up && silent >= (*r)->facts()->offline_threshold)
      return wall_ms() - static_cast<std::uint64_t>(
                             std::chrono::duration_cast<std::chrono::milliseconds>(silent).count());
  }
  return std::nullopt;
}

void node::tell_others(const std::string& operation_json) {
  if (auto r = now()) (*r)->peers().send_to_all(codec::operation_event{operation_json});
}

codec::probe_report node::report() const {
  codec::probe_report p;
  auto r = now();
  p.name = name();
  p.version = muster_version;
  p.uptime_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - started_).count());
  if (!r) return p;
  const auto view = (*r)->view();
  const auto board = (*r)->board();
  const auto name_of = [&](member_id id) {
    const auto m = view->row<member>({}, {id.value});
    return m ? m->name : std::string{};
  };
  p.role = raft::name_of(board.raft.now);
  p.term = board.raft.term;
  p.leader = name_of(board.raft.leader);
  p.commit = board.raft.commit;
  p.applied = board.applied;
  p.members.push_back(p.name);
  for (const auto& [id, is_up] : board.sessions)
    if (is_up) p.members.push_back(name_of(id));
  return p;
}

void node::keep_house() {
  auto r = now();
  if (!r) return;
  (*r)->keep_house();
  for (const auto& print : trust_.expired(static_cast<std::int64_t>(wall_ms() / 1000)))
    with_.cut_off(print);
  if ((*r)->board().raft.now != raft::role::leader) return;
  const auto wall = wall_ms();
  const auto all = (*r)->view()->all<token>();
  const bool due = std::any_of(all.begin(), all.end(), [&](const token& t) {
    return t.expires_ms != 0 && t.expires_ms < wall;
  });
  if (due)
    (void)write(expire_tokens{}, system_requestor(), "expiry",
                clock::now() + limits::write_deadline)
        .ok();
}

// --- a state that is wrong

void node::show_standing(bool is_condemned) {
  is_condemned_ = is_condemned;
  with_.log(is_condemned ? raft::condemned_failure().detail
                         : "the leader's state has taken the place of the wrong one; this member "
                           "serves again");
}

std::optional<failure> node::barred() const {
  if (is_removed_)
    if (const auto why = why_removed()) return fail(errc::unavailable, *why);
  if (is_condemned_) return raft::condemned_failure();
  if (is_superseded_)
    return fail(errc::unavailable,
                "The cluster was recovered without this member: nothing counts here any more. Stop "
                "it, run `muster reset --data-dir " +
                    with_.data_dir + " --yes`, and let it join again (`muster token " + name() +
                    " --replace` on a member of the cluster)");
  return std::nullopt;
}

/// A lifecycle event tells everybody.
void node::note_standing(member_id id, bool is_condemned) const {
  with_.log("member " + std::to_string(id.value) +
            (is_condemned ? " is condemned: its state differs from the one of most voters; it will "
                            "fetch another"
                          : " has a right state again"));
  begin_write(note_member{id, is_condemned}, system_requestor(), "standing",
              clock::now() + limits::write_deadline, [](const result<outcome>&) {});
}

// --- trust

void node::refresh_trust() {
  auto r = now();
  if (!r) return;
  const auto view = (*r)->view();
  std::map<std::string, member_id> first;
  if (!view->row<member>({}, {(*r)->who().member.value}))
    for (const auto& p : load_peers(with_.data_dir)) first[p.fingerprint] = p.id;
  for (const auto& p : (*r)->leaving()) first[p.fingerprint] = p.id;
  for (const auto& print : trust_.refresh(*view, first)) with_.cut_off(print);
}

void node::when_members_changed() {
  refresh_trust();
  finish_join_if_applied();
  look_for_own_removal();
}

void node::when_changed(const row_changes& changes) {
  if (touches(changes, table::certificate)) refresh_trust();
  if (touches(changes, table::cluster)) follow_certificate();
  with_.show_changes(changes);
}

// --- links

result<std::shared_ptr<tls::stream>> node::dial_member(const std::string& address,
                                                       const std::string& fingerprint,
                                                       clock::time_point deadline) const {
  tls::dial_options with;
  with.host_port = address;
  with.server_name = tls::member_name;
  with.pinned_fingerprint = fingerprint;
  with.own = &own_;
  with.deadline = deadline;
  return tls::dial(with);
}

link::links_settings node::link_settings() {
  link::links_settings links;
  links.dial = [this](const link::peer& to) -> result<std::shared_ptr<tls::stream>> {
    const auto deadline = clock::now() + limits::dial_deadline;
    auto stream = dial_member(to.address, to.fingerprint, deadline);
    if (!stream) return stream;
    tls::http_request ask;
    ask.target = "/internal/link";
    if (auto up = tls::upgrade(**stream, ask, "muster-link", deadline); !up) {
      if (up.error().code == errc::forbidden) {
        knock(to);  // says why, if it was taken out
        note_refusal(to);
      }
      return up.error();
    }
    return stream;
  };
  links.on_other_epoch = [this](const link::peer& of, const codec::hello& own,
                                const codec::hello& theirs) { note_epoch(of, own, theirs); };
  links.knock = [this](const link::peer& to) {
    if (knock(to) == 403) note_refusal(to);
  };
  return links;
}

/// A member of another epoch: the cluster was recovered, without it or without this one. Said once
/// of each.
void node::note_epoch(const link::peer& of, const codec::hello& own, const codec::hello& theirs) {
  {
    const std::lock_guard guard(refused_lock_);
    if (!other_epochs_.insert(of.id).second) return;
  }
  if (theirs.epoch_counter > own.epoch_counter) {
    is_superseded_ = true;
    return with_.log(barred()->detail);
  }
  if (theirs.epoch_counter < own.epoch_counter)
    return with_.log(of.name +
                     " is refused: it has not taken part in the recovery of the cluster. "
                     "On it: `muster reset`; then `muster token " +
                     of.name + " --replace` on this member, and let it join again");
  with_.log("the cluster was recovered twice: here, on " + name() + ", and on " + of.name +
            ". They stay apart. Keep one of them, `muster reset` the other and let it join again");
}

/// Said once of each. The first refusals are usual: who has just joined is not known everywhere.
void node::note_refusal(const link::peer& by) {
  if (is_removed_) return;
  {
    const std::lock_guard guard(refused_lock_);
    if (++refused_by_[by.id] != limits::refusals_unsaid) return;
  }
  with_.log(by.name +
            " does not let this member in: if it was replaced, run `muster reset --data-dir " +
            with_.data_dir + " --yes` and let it join again with a new token");
}

status node::accept_link(const std::string& fingerprint, std::shared_ptr<tls::stream> stream) {
  const auto who = find_trusted(fingerprint);
  if (!who || !who->member) return fail(errc::forbidden, "not a member of this cluster");
  auto r = now();
  if (!r) return r.error();
  return (*r)->peers().accept(who->member, std::move(stream));
}

status node::fetch_snapshot(const link::peer& leader, log_index offered,
                            const std::stop_token& stop) const {
  const auto dial = [this, leader] {
    return dial_member(leader.address, leader.fingerprint, clock::now() + limits::dial_deadline);
  };
  const auto log = [&](const std::string& text) { with_.log(leader.name + ": " + text); };
  auto done =
      snapshots::fetch(snapshots::https_source(dial, stop), with_.data_dir, offered, stop, log);
  log(done ? "the snapshot is here" : "the snapshot did not come: " + done.error().detail);
  return done;
}

}  // namespace muster::node
