#pragma once
#include "actors/raft/core/raft_core.hpp"

#include <string>

namespace muster::simulation {

/// One line each, for traces and scenarios.
std::string describe(const raft::configuration& c);
std::string describe(const raft::entry& e);
std::string describe(const raft::message& m);
std::string describe(const raft::input& in);
std::string describe(const raft::core& c);

}  // namespace muster::simulation
