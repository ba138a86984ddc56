#include "actors/link/probe.hpp"

#include "actors/link/basp/basp_inject.hpp"
#include "actors/link/caf_system.hpp"
#include "actors/link/flat.hpp"
#include "actors/link/tls/tls_stream.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <future>

namespace muster::link {

namespace {

constexpr std::size_t probes_max = 64;

caf::behavior probe_actor(caf::event_based_actor* self,
                          std::function<codec::probe_report()> report) {
  self->set_default_handler([](caf::scheduled_actor*, const caf::message_view&) {
    return caf::result<caf::message>{caf::sec::unexpected_message};
  });
  return {[report](caf::get_atom) { return flat{codec::encode(report())}; }};
}

/// Connects and asks; answers the promise once.
void probe_client(caf::io::broker* self, const std::shared_ptr<tls::stream>& stream,
                  std::chrono::milliseconds deadline,
                  std::shared_ptr<std::promise<result<codec::probe_report>>> answer) {
  const auto then = [self, deadline, answer](const caf::actor& remote) {
    if (!remote) {
      answer->set_value(fail(errc::unavailable, "the member offers no probe"));
      return self->quit();
    }
    self->request(remote, deadline, caf::get_atom_v)
        .then(
            [self, answer](const flat& report) {
              answer->set_value(codec::decode_probe_report(report.words));
              self->quit();
            },
            [self, answer](const caf::error&) {
              answer->set_value(fail(errc::timed_out, "the probe did not answer in time"));
              self->quit();
            });
  };
  basp_connect(
      self, stream, deadline, [] {}, then);
}

}  // namespace

struct probe_host::impl {
  caf_config config{1};
  caf::actor_system system{config};
  caf::actor actor;
  std::shared_ptr<std::atomic<std::size_t>> open = std::make_shared<std::atomic<std::size_t>>(0);
};

probe_host::probe_host(std::function<codec::probe_report()> report)
    : impl_(std::make_unique<impl>()) {
  impl_->actor = impl_->system.spawn(probe_actor, std::move(report));
}

probe_host::~probe_host() { caf::anon_send_exit(impl_->actor, caf::exit_reason::user_shutdown); }

void probe_host::serve(std::shared_ptr<tls::stream> stream) {
  if (impl_->open->load() >= probes_max) return;
  ++*impl_->open;
  basp_serve(impl_->system, std::move(stream), impl_->actor, [open = impl_->open] { --*open; });
}

result<codec::probe_report> ask_probe(std::shared_ptr<tls::stream> stream,
                                      std::chrono::milliseconds deadline) {
  caf_config config{1};
  caf::actor_system system{config};
  auto answer = std::make_shared<std::promise<result<codec::probe_report>>>();
  auto future = answer->get_future();
  system.middleman().spawn_broker(probe_client, stream, deadline, answer);
  if (future.wait_for(deadline) != std::future_status::ready)
    return fail(errc::timed_out, "the probe did not answer in time");
  return future.get();
}

}  // namespace muster::link
