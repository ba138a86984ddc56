#include "tools/daemon.hpp"

#include "http/resources/resources.hpp"
#include "schemas/basic/limits.hpp"
#include "storage/disk/forgetful_env.hpp"
#include "tools/log.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <csignal>
#include <grp.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

/// Of tcmalloc, where it is linked: what a crowd has needed goes back to the system.
extern "C" __attribute__((weak)) void MallocExtension_ReleaseFreeMemory(void);

namespace muster::tools {

namespace {

[[noreturn]] void stop_member(const failure& why) {
  log_error("this member stops: " + why.detail);
  ::_exit(1);
}

/// For tests: a disk that forgets at a crash what was not synced.
rocksdb::Env* env_from_environment() {
  const char* wanted = std::getenv("MUSTER_TEST_STORAGE");
  if (!wanted || std::string(wanted) != "forgetful") return nullptr;
  static const auto forgetful = storage::make_forgetful_env();
  return forgetful.get();
}

/// Kept until a new cluster has its first pool, over crashes.
std::string init_mark(const std::string& data_dir) { return data_dir + "/wants-init"; }

}  // namespace

daemon::daemon(daemon_settings with)
    : with_(std::move(with)),
      config_(1),  // raft and links hand over to each other without waking another thread
      system_(config_) {}

node::node_settings daemon::hooks() {
  node::node_settings n;
  n.data_dir = with_.data_dir;
  n.name = with_.name;
  n.level = with_.level;
  n.address = with_.address.empty()
                  ? http::dialled(http::load_addresses(with_.data_dir + "/addresses"))
                  : with_.address;
  n.env = env_from_environment();
  n.stop_member = stop_member;
  n.log = log_info;
  n.show_events = [this](const std::vector<event>& all) { show_events(all); };
  n.show_operation = [this](const node::operation& o) { show_operation(o); };
  n.show_remote_operation = [this](const std::string& json) {
    events_.publish("operation", http::json_at(json, "project").value_or(""), json);
    if (api_) api_->hear_operation(json);
  };
  n.show_changes = [this](const row_changes& changes) { show_changes(changes); };
  n.show_replaced = [this] { show_replaced(); };
  n.cut_off = [this](const std::string& print) {
    front_->close_connections_of(print);
    api_->cut_off(print);
  };
  return n;
}

void daemon::show_operation(const node::operation& o) {
  const auto json = http::render::operation_event(o, o.location);
  events_.publish("operation", o.project, json);
  if (o.kind != node::op_class::token) node_->tell_others(json);  // they know of it themselves
}

void daemon::show_events(const std::vector<event>& all) {
  if (events_.listeners() == 0) return;
  const auto view = node_->local_view();
  for (const auto& e : all) {
    const auto by = view->row<member>({}, {e.by.value});
    events_.publish("lifecycle", e.project, http::render::event(e, by ? by->name : "none"));
  }
}

/// Records of images that are gone take their files along; pools and networks are looked at.
void daemon::show_changes(const row_changes& changes) {
  images::drop_files drop;
  const auto first = changes.names.lower_bound({table::image, {}, {}});
  for (auto at = first; at != changes.names.end() && at->first.where == table::image; ++at)
    if (!at->second) drop.fingerprints.push_back(at->first.name);
  if (!drop.fingerprints.empty() && images_) caf::anon_send(images_, std::move(drop));
  if (scheduler_) tell_scheduler(changes);
  if (touches(changes, table::image)) {
    if (images_) caf::anon_send(images_, images::compare_files{});
    rows_.ring();
  }
  if ((touches(changes, table::image) || touches(changes, table::server_config)) && replicator_)
    caf::anon_send(replicator_, images::look_at_copies{});
  if (touches(changes, table::token) && api_) api_->follow_tokens();
  if (!touches(changes, table::storage_pool) && !touches(changes, table::network) &&
      !touches(changes, table::leftover) && !touches(changes, table::member))
    return;
  rows_.ring();
  if (keeper_) caf::anon_send(keeper_, keeper::look_now{});
}

void daemon::tell_scheduler(const row_changes& changes) {
  scheduler::instances_changed m;
  const auto first = changes.names.lower_bound({table::instance, {}, {}});
  for (auto at = first; at != changes.names.end() && at->first.where == table::instance; ++at)
    m.names.emplace_back(at->first.project, at->first.name);
  if (!m.names.empty()) caf::anon_send(scheduler_, std::move(m));
}

/// Anything may be another.
void daemon::show_replaced() {
  api_->follow_tokens();
  rows_.ring();
  caf::anon_send(images_, images::sweep_files{});
  caf::anon_send(replicator_, images::look_at_copies{});
  caf::anon_send(keeper_, keeper::look_now{});
}

void daemon::spawn_keeper() {
  keeper::keeper_settings k;
  k.data_dir = with_.data_dir;
  k.acting = [this] { return node_->acting(); };
  k.readable = [this] { return node_->wait_readable(); };
  k.told_pool = [driver = driver_](const std::string& pool, const status& in_place,
                                   bool is_mounted) {
    driver->note_pool(pool, in_place, is_mounted);
  };
  k.write = [this](command_body body) {
    return node_->write(std::move(body), {}, "keeper", node::clock::now() + limits::write_deadline);
  };
  k.told_ready = [this] {
    is_in_place_ = true;
    rows_.ring();
  };
  k.log = log_info;
  keeper_ = system_.spawn<caf::detached>(keeper::keeper_actor, std::move(k));
}

/// The actors that keep what lies on this server's disk as the records want it.
void daemon::spawn_keepers() {
  driver_ = std::make_shared<instances::lxc_driver>(with_.data_dir);
  images::images_settings i;
  i.server = node_.get();
  i.data_dir = with_.data_dir;
  i.remove_unpacked = [driver = driver_](const std::string& image, bool for_good,
                                         const std::function<bool()>& is_free) {
    driver->remove_unpacked(image, for_good, is_free);
  };
  i.unpacked = [driver = driver_] { return driver->unpacked(); };
  fetcher_ = std::make_unique<images::fetcher>(*node_, with_.data_dir);
  i.files = fetcher_.get();
  replicator_ = system_.spawn<caf::detached>(images::image_replicator,
                                             images::replicator_settings{node_.get(), stop_member});
  scheduler_ = system_.spawn<caf::detached>(
      scheduler::scheduler_actor, scheduler::scheduler_settings{node_.get(), stop_member});
  reader_ = system_.spawn<caf::detached>(
      images::image_reader, images::reader_settings{with_.data_dir, fetcher_.get(), log_info});
  images_ = system_.spawn<caf::detached>(images::images_actor, std::move(i));
  instances::instances_settings k;
  k.data_dir = with_.data_dir;
  k.driver = driver_;
  k.acting = [this] { return node_->acting(); };
  k.readable = [this]() -> status {
    if (!rows_.wait_until(node::clock::now() + std::chrono::seconds(1),
                          [this] { return is_in_place_.load(); }))
      return fail(errc::unavailable, "the storage pools are not in their places yet");
    return node_->wait_readable();
  };
  k.write = [this](command_body body, const requestor& who, const std::string& trace) {
    return node_->write(std::move(body), who, trace, node::clock::now() + limits::write_deadline);
  };
  k.fetch_image = [this](project_id where, const std::string& image) {
    return fetcher_->fetch(where, image);
  };
  k.log = log_info;
  instances_ = system_.spawn<caf::detached>(instances::instances_actor, std::move(k));
}

void daemon::make_listeners() {
  http::listeners_settings l;
  l.file = with_.data_dir + "/addresses";
  l.open = [this](const std::string& address) -> status {
    auto port = front_->listen_tls(address, node_->contexts());
    return port ? ok() : status(port.error());
  };
  l.close = [this](const std::string& address) { front_->stop_listening(address); };
  l.told = [this](const std::string& address) { node_->set_address(address); };
  addresses_ = std::make_unique<http::listeners>(std::move(l));
}

status daemon::give_to_group(const std::string& path) const {
  if (with_.group.empty()) return ok();
  const auto* group = ::getgrnam(with_.group.c_str());
  if (!group) return fail(errc::bad_request, "there is no group " + with_.group);
  if (::chown(path.c_str(), static_cast<uid_t>(-1), group->gr_gid) != 0)
    return fail(errc::refused, "cannot give " + path + " to the group: " + std::strerror(errno));
  return ok();
}

/// As by SIGTERM, but that no instance is left running here. Who has asked hears when they have
/// ended and the member has stopped: its disk is free then.
void daemon::shut_down() {
  if (!has_ended_instances_.exchange(true)) end_instances();
  node_->stop();
  ::kill(::getpid(), SIGTERM);
}

/// They stay wanted: the next start of this server starts them again.
void daemon::end_instances() {
  caf::anon_send_exit(instances_, caf::exit_reason::user_shutdown);
  caf::scoped_actor waits{system_};
  waits->wait_for(instances_);
  const auto me = node_->acting();
  if (!me) return;
  std::vector<std::thread> ending;
  for (const auto& i : me->view->all<instance>()) {
    if (i.owner != me->self || driver_->pid_of(i.head.id) == 0) continue;
    ending.emplace_back([this, c = instances::container_of(*me->view, i, with_.data_dir)] {
      constexpr int patience_s = 10;
      if (!driver_->stop(c, false, patience_s)) (void)driver_->stop(c, true, 0).ok();
    });
  }
  for (auto& t : ending) t.join();
}

status daemon::start() {
  if (with_.bootstrap)
    if (auto begun = node::find_identity(with_.data_dir); begun && !*begun)
      if (auto marked = storage::write_file_durably(init_mark(with_.data_dir), "", 0600); !marked)
        return marked;
  make_listeners();
  node_ = std::make_unique<node::node>(system_, hooks());
  probe_ = std::make_unique<link::probe_host>([this] { return node_->report(); });
  spawn_keepers();
  spawn_keeper();
  api_ = std::make_unique<http::api>(
      http::services{*node_, events_, rows_, *addresses_, [this] { shut_down(); }, *probe_,
                     instances_, scheduler_, *fetcher_,
                     [this](std::function<void()> then) {
                       caf::anon_send(images_, images::tell_when_dropped{std::move(then)});
                     },
                     driver_, [this] { return is_ready_.load(); }});
  http::add_resources(*api_);
  http::front_settings f;
  f.handle = [this](http::request& r) { return api_->handle(r); };
  f.on_upgrade = [this](const std::string& protocol, http::request& r) {
    return api_->on_upgrade(protocol, r);
  };
  f.is_quick = [this](http::request& r) { return api_->is_quick(r); };
  f.is_upload = http::api::is_upload;
  f.admit = [this](http::request& r) { return api_->admit(r); };
  f.is_stranger = [this](const http::peer_info& peer) { return api_->is_stranger(peer); };
  front_ = std::make_unique<http::front>(std::move(f));

  set_log_hearer([this](const char* level, const std::string& text) {
    events_.log(level, text, {}, is_ready_ ? node_->name() : with_.name);
  });
  if (auto started = node_->start(with_.bootstrap); !started) return started;
  if (auto heard = addresses_->start(with_.address, node_->address()); !heard) return heard;
  if (auto listening = front_->listen_unix(with_.data_dir + "/unix.socket"); !listening)
    return listening;
  if (auto given = give_to_group(with_.data_dir + "/unix.socket"); !given) return given;
  if (auto stored = storage::write_file_durably(with_.data_dir + "/incus.pid",
                                                std::to_string(::getpid()) + "\n", 0644);
      !stored)
    return stored;
  if (!with_.join_token.empty() && !node_->is_clustered()) {
    if (auto joined = node_->join({with_.join_token, with_.name, with_.address}); !joined)
      return joined;
    api_->roles_rest();
  }
  return ok();
}

bool daemon::wants_init() const { return ::access(init_mark(with_.data_dir).c_str(), F_OK) == 0; }

void daemon::ready() {
  ::unlink(init_mark(with_.data_dir).c_str());
  is_ready_ = true;
  log_info("member " + node_->name() + " serves " +
           (node_->address().empty() ? with_.data_dir + "/unix.socket" : node_->address()));
}

void daemon::keep_house() {
  if (MallocExtension_ReleaseFreeMemory) MallocExtension_ReleaseFreeMemory();
  node_->keep_house();
  caf::anon_send(images_, images::sweep_files{});
  caf::anon_send(reader_, images::read_a_file{});
}

void daemon::stop() {
  is_ready_ = false;
  if (node_ && !has_ended_instances_) node_->hand_over();  // else it was done
  if (front_) front_->stop();
  caf::anon_send_exit(instances_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(images_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(replicator_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(scheduler_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(reader_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(keeper_, caf::exit_reason::user_shutdown);
  if (node_) node_->stop();
  ::unlink((with_.data_dir + "/incus.pid").c_str());
  ::unlink((with_.data_dir + "/unix.socket").c_str());
}

}  // namespace muster::tools
