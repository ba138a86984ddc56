#pragma once
#include <cstdint>

namespace muster::simulation {

struct seed_range {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  unsigned jobs = 1;
  bool stops_at_finding = false;
  bool only_outcomes = false;  ///< only rules about what clients see and members hold
  bool tells_steps = false;    ///< prints every step
  bool needs_marks = false;    ///< a mark that no seed has hit is a finding
};

/// Runs the seeds in `jobs` processes and prints each finding with its seed and the commit. A core
/// that stops itself is a finding. @return the exit status: 0 if there was none.
int run_seeds(const seed_range& range);

}  // namespace muster::simulation
