#pragma once
#include "schemas/state_view.hpp"

namespace muster {

/// What an instance is with its profiles laid under it.
struct expanded {
  string_map config;
  device_map devices;
};
/// @param changed counts in place of the row with its id.
expanded expand(const state_view& s, const instance& row, const profile* changed = nullptr);
/// Pool of the root disk; empty if no device is one.
std::string root_pool_of(const device_map& devices);

}  // namespace muster
