#include "actors/link/caf_system.hpp"

#include "actors/link/flat.hpp"

#include <caf/init_global_meta_objects.hpp>
#include <caf/io/middleman.hpp>
#include <caf/node_id.hpp>

#include <random>

/// Takes the place of CAF's own, which gives two processes of different PID namespaces the same id.
caf::node_id caf::node_id::default_data::local(const caf::actor_system_config&) {
  std::random_device chance;
  host_id_type host;
  for (auto& byte : host) byte = static_cast<std::uint8_t>(chance());
  return make_node_id(static_cast<std::uint32_t>(chance() | 1), host);
}

namespace muster::link {

caf_config::caf_config(std::size_t threads) {
  add_message_types<caf::id_block::muster>();
  load<caf::io::middleman>();
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", threads);
  set("middleman.workers", std::size_t{0});  // messages are decoded where they are read
  set("middleman.enable-automatic-connections", false);
  set("logger.verbosity", caf::atom("quiet"));
}

}  // namespace muster::link
