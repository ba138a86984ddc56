#pragma once
#include "tests/simulation/world/marks.hpp"

#include <ostream>
#include <string>

namespace muster::simulation {

struct report {
  std::uint64_t seed = 0;
  std::string finding;  ///< empty: every rule held, and there was progress
  marks met;
  std::uint64_t steps = 0;  ///< of cores
  std::uint64_t calls = 0;  ///< of clients
  std::uint64_t simulated_ms = 0;
  std::uint64_t trace = 0;  ///< hash of every step: the same seed gives the same one
};

struct run_options {
  bool only_outcomes = false;     ///< see invariants::check_only_outcomes
  std::ostream* told = nullptr;   ///< every step goes there, a line each
  bool lies_about_disks = false;  ///< see cluster_settings
};

/// One cluster from one seed: trouble first, and every rule after every step; then a quorum is
/// healed, the other faults stay for good, and there must be progress; then all is healed and must
/// agree.
report run(std::uint64_t seed, const run_options& with = {});

}  // namespace muster::simulation
