#include "tests/checkers/history_json.hpp"

#include <cstdio>
#include <fstream>

using namespace muster::checkers;

/// muster-check HISTORY.jsonl: 0 if one machine could have answered so, 1 if not, 2 if that cannot
/// be said.
int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: muster-check HISTORY.jsonl\n");
    return 2;
  }
  std::ifstream file(argv[1]);
  if (!file) {
    std::fprintf(stderr, "muster-check: cannot read %s\n", argv[1]);
    return 2;
  }
  const auto all = read_history(file);
  if (!all.ok()) {
    std::fprintf(stderr, "muster-check: %s\n", all.error().detail.c_str());
    return 2;
  }
  const auto v = check(*all);
  if (v.says == verdict::answer::right) {
    std::printf("%zu operations: right\n", all->size());
    return 0;
  }
  const bool is_wrong = v.says == verdict::answer::wrong;
  std::printf("%zu operations: %s: %s\n", all->size(), is_wrong ? "WRONG" : "undecided",
              v.why.c_str());
  return is_wrong ? 1 : 2;
}
