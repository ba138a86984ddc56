#pragma once
#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include <chrono>
#include <functional>

namespace muster::link {

/// Gives BASP an authenticated stream on which it will be dialled; a peer that connects is handed
/// `whom`.
void basp_serve(caf::actor_system& system, int fd, const caf::actor& whom);

/// Gives BASP an authenticated stream to dial on. `then` runs in `self`'s context with the remote
/// actor, or with a null handle at the deadline or after an error.
void basp_connect(caf::event_based_actor* self, int fd, std::chrono::milliseconds deadline,
                  std::function<void(const caf::actor&)> then);

}  // namespace muster::link
