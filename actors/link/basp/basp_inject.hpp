#pragma once
#include <caf/actor.hpp>
#include <caf/io/fwd.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace muster::tls {
class stream;
}

namespace muster::link {

/// Gives BASP an authenticated stream on which it will be dialled; a peer that connects is handed
/// `whom`. `on_close` is called once, when the connection has ended; must not block.
void basp_serve(caf::actor_system& system, std::shared_ptr<tls::stream> stream,
                const caf::actor& whom, std::function<void()> on_close);

/// Gives BASP an authenticated stream to dial on. `then` runs in `self`'s context with the remote
/// actor, or with a null handle at the deadline or after an error.
void basp_connect(caf::io::broker* self, std::shared_ptr<tls::stream> stream,
                  std::chrono::milliseconds deadline, std::function<void()> on_close,
                  std::function<void(const caf::actor&)> then);

}  // namespace muster::link
