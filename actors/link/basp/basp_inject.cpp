#include "actors/link/basp/basp_inject.hpp"

#include "actors/link/basp/basp_stream.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <set>

namespace muster::link {

namespace {

caf::actor broker_of(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

/// BASP wants a port for each stream; here it is only a key.
std::uint16_t next_key() {
  static std::atomic<std::uint32_t> next{1};
  return static_cast<std::uint16_t>(next.fetch_add(1) % 65535 + 1);
}

}  // namespace

void basp_serve(caf::actor_system& system, std::shared_ptr<tls::stream> stream,
                const caf::actor& whom, std::function<void()> on_close) {
  system.middleman().backend().dispatch(
      [&system, stream = std::move(stream), whom, on_close = std::move(on_close)]() mutable {
        if (auto scribe = make_scribe(system, std::move(stream), std::move(on_close)))
          caf::anon_send(broker_of(system), caf::publish_atom_v, std::move(scribe), next_key(),
                         caf::actor_cast<caf::strong_actor_ptr>(whom), system.message_types(whom));
      });
}

void basp_connect(caf::io::broker* self, std::shared_ptr<tls::stream> stream,
                  std::chrono::milliseconds deadline, std::function<void()> on_close,
                  std::function<void(const caf::actor&)> then) {
  auto& system = self->home_system();
  auto scribe = make_scribe(system, std::move(stream), std::move(on_close));
  if (!scribe) return then(nullptr);
  self->request(broker_of(system), deadline, caf::connect_atom_v, std::move(scribe), next_key())
      .then([then](caf::node_id&, caf::strong_actor_ptr& remote,
                   std::set<std::string>&) { then(caf::actor_cast<caf::actor>(remote)); },
            [then](caf::error&) { then(nullptr); });
}

}  // namespace muster::link
