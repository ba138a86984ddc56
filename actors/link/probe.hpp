#pragma once
#include "actors/link/tls/tls_stream.hpp"
#include "schemas/codec/codec.hpp"

#include <functional>
#include <memory>

namespace muster::link {

/// What `muster probe` talks to: an actor system of its own that holds one read-only actor. A BASP
/// peer can address every actor of a system, so no client ever reaches the members' one.
class probe_host {
public:
  explicit probe_host(std::function<codec::probe_report()> report);
  ~probe_host();
  /// An authenticated stream that asked for `muster-probe`.
  void serve(std::shared_ptr<tls::stream> stream);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// The other end: connects as a CAF remote actor over an upgraded stream and asks. Blocks.
result<codec::probe_report> ask_probe(std::shared_ptr<tls::stream> stream,
                                      std::chrono::milliseconds deadline);

}  // namespace muster::link
