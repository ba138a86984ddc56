#pragma once
#include <caf/io/scribe.hpp>

#include <functional>
#include <memory>

namespace caf {
class actor_system;
}
namespace muster::tls {
class stream;
}

namespace muster::link {

/// A connection for BASP over an authenticated stream: the multiplexer's thread reads and writes
/// TLS itself. What BASP flushes goes out at once; only what the socket does not take waits for an
/// event. `on_close` is called once, when BASP has let go of the connection; must not block. Null:
/// this process has no descriptor left.
caf::io::scribe_ptr make_scribe(caf::actor_system& system, std::shared_ptr<tls::stream> stream,
                                std::function<void()> on_close);

}  // namespace muster::link
