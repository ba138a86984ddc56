#include "tests/simulation/simulator.hpp"

#include <cstdio>
#include <cstdlib>

/// muster-sim FIRST_SEED [COUNT]: runs seeds until one fails; prints how to repeat it.
int main(int argc, char** argv) {
  const auto first = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const auto count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::uint64_t steps = 0;
  std::size_t acknowledged = 0;
  for (auto seed = first; seed < first + count; ++seed) {
    muster::simulation::settings with;
    with.seed = seed;
    with.members = 3 + seed % 3;
    muster::simulation::simulator s(with);
    const auto violation = s.run();
    steps += s.steps();
    acknowledged += s.seen().acknowledged_count();
    if (!violation.empty()) {
      std::printf("seed %llu: %s\nrepeat it with: muster-sim %llu\n", seed, violation.c_str(),
                  seed);
      return 1;
    }
  }
  std::printf("%llu seeds, %llu steps, %zu acknowledged writes: no violation\n", count,
              static_cast<unsigned long long>(steps), acknowledged);
}
