#pragma once
#include "actors/instances/instances_actor.hpp"

namespace muster::instances {

/// Carries one order out: intent into the log, the work, the result into the log. Blocks; runs in
/// an actor of its own.
status carry_out(const instances_settings& with, const order& what);

}  // namespace muster::instances
