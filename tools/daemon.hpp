#pragma once
#include "actors/images/images_actor.hpp"
#include "actors/images/replicator.hpp"
#include "actors/keeper/keeper_actor.hpp"
#include "actors/link/caf_system.hpp"
#include "actors/link/probe.hpp"
#include "http/routing/api.hpp"

#include <caf/actor_system.hpp>

namespace muster::tools {

struct daemon_settings {
  std::string data_dir;
  std::string name;
  std::string address;  ///< host:port; empty: unix socket only
  bool bootstrap = false;
  std::string join_token;
  std::uint32_t level = 1;  ///< of this build
  std::string group;        ///< of the unix socket; empty: as the system gives it
};

/// One server with everything wired together: the member, its API, its listeners, its probe.
class daemon {
public:
  explicit daemon(daemon_settings with);
  status start();
  /// The cluster was begun here and has not got its first pool yet: see tools/init.hpp.
  [[nodiscard]] bool wants_init() const;
  /// All is done that a start has to do.
  void ready();
  /// What is due each minute.
  void keep_house();
  void shut_down();
  void stop();

private:
  node::node_settings hooks();
  void show_operation(const node::operation& o);
  void show_events(const std::vector<event>& all);
  void show_changes(const row_changes& changes);
  void tell_scheduler(const row_changes& changes);
  void show_replaced();
  void spawn_keepers();
  void make_listeners();
  status give_to_group(const std::string& path) const;
  void end_instances();
  void spawn_keeper();

  daemon_settings with_;
  link::caf_config config_;
  caf::actor_system system_;
  http::event_streams events_;
  http::row_bell rows_;
  std::unique_ptr<http::listeners> addresses_;
  std::atomic<bool> has_ended_instances_{false};
  std::atomic<bool> is_ready_{false};
  std::atomic<bool> is_in_place_{false};  ///< pools and networks, after the start
  std::unique_ptr<node::node> node_;
  std::shared_ptr<instances::lxc_driver> driver_;
  instances::instances_handle instances_;
  images::images_handle images_;
  images::replicator_handle replicator_;
  scheduler::scheduler_handle scheduler_;
  images::reader_handle reader_;
  std::unique_ptr<images::fetcher> fetcher_;
  keeper::keeper_handle keeper_;
  std::unique_ptr<link::probe_host> probe_;
  std::unique_ptr<http::api> api_;
  std::unique_ptr<http::front> front_;
};

}  // namespace muster::tools
