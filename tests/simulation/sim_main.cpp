#include "tests/simulation/seeds.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int usage() {
  std::fprintf(
      stderr,
      "usage: muster-sim [--seeds N] [--first-seed S] [--jobs J] [--marks] [--trace]\n"
      "  runs N clusters from seeds S, S+1, ...; prints what broke, with seed and commit.\n"
      "  --marks: also fails if a fault or a rare branch was never met.\n"
      "  --trace: prints every step.\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  muster::simulation::seed_range range;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--marks") == 0) {
      range.needs_marks = true;
      continue;
    }
    if (std::strcmp(argv[i], "--trace") == 0) {
      range.tells_steps = true;
      continue;
    }
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
