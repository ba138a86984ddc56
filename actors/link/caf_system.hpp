#pragma once
#include <caf/actor_system_config.hpp>

namespace muster::link {

/// How every actor system here is set up: BASP loaded but never listening or dialling by itself,
/// sharing scheduler (idle actors cost no CPU), a random node id.
class caf_config : public caf::actor_system_config {
public:
  explicit caf_config(std::size_t threads);
};

}  // namespace muster::link
