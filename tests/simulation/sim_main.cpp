#include "tests/simulation/seeds.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace {

int usage() {
  std::fprintf(
      stderr,
      "usage: muster-sim [--seeds N] [--first-seed S] [--jobs J] [FLAG]...\n"
      "  runs N clusters from seeds S, S+1, ...; prints what broke, with seed and commit.\n"
      "  --marks: also fails if a fault or a rare branch was never met.\n"
      "  --until-finding: stops at the first finding.\n"
      "  --only-outcomes: checks what clients see and members apply, not how it comes about.\n"
      "  --trace: prints every step.\n");
  return 2;
}

bool set_flag(muster::simulation::seed_range& range, const char* argument) {
  const std::pair<const char*, bool*> flags[] = {{"--marks", &range.needs_marks},
                                                 {"--trace", &range.tells_steps},
                                                 {"--until-finding", &range.stops_at_finding},
                                                 {"--only-outcomes", &range.only_outcomes}};
  for (const auto& [name, flag] : flags)
    if (std::strcmp(argument, name) == 0) return *flag = true;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  muster::simulation::seed_range range;
  for (int i = 1; i < argc; ++i) {
    if (set_flag(range, argv[i])) continue;
    if (i + 1 == argc) return usage();
    const auto number = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--seeds") == 0)
      range.count = number;
    else if (std::strcmp(argv[i], "--first-seed") == 0)
      range.first = number;
    else if (std::strcmp(argv[i], "--jobs") == 0)
      range.jobs = static_cast<unsigned>(number);
    else
      return usage();
    ++i;
  }
  return muster::simulation::run_seeds(range);
}
