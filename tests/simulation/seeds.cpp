#include "tests/simulation/seeds.hpp"

#include "tests/simulation/commit.hpp"
#include "tests/simulation/simulation.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::simulation {

namespace {

/// What all processes share.
struct board {
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> findings{0};
  std::atomic<std::uint64_t> steps{0};
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> simulated_ms{0};
  std::array<std::atomic<std::uint64_t>, mark_count> hits{};
};

std::uint64_t running_seed = 0;
board* shared = nullptr;

const char* commit() {
  const auto* given = std::getenv("MUSTER_COMMIT");
  return given ? given : built_from;
}

void print_finding(std::uint64_t seed, const char* what) {
  std::printf("seed %llu, commit %s: %s\nrepeat it with: muster-sim --first-seed %llu\n",
              static_cast<unsigned long long>(seed), commit(), what,
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);
}

void on_abort(int) {
  print_finding(running_seed, "a member stopped itself (see above)");
  ++shared->findings;
  _exit(1);
}

void work(const seed_range& range, board& all) {
  for (const auto how : {SIGABRT, SIGSEGV, SIGFPE}) std::signal(how, on_abort);
  for (auto i = all.next++; i < range.count; i = all.next++) {
    if (range.stops_at_finding && all.findings != 0) return;
    running_seed = range.first + i;
    const auto done =
        run(running_seed, {range.only_outcomes, range.tells_steps ? &std::cout : nullptr});
    if (!done.finding.empty()) {
      print_finding(done.seed, done.finding.c_str());
      ++all.findings;
    }
    all.steps += done.steps;
    all.calls += done.calls;
    all.simulated_ms += done.simulated_ms;
    for (std::size_t m = 0; m < mark_count; ++m) all.hits[m] += done.met.hits[m];
  }
}

pid_t start_worker(const seed_range& range, board& all) {
  std::fflush(stdout);
  const auto child = fork();
  if (child != 0) return child;
  work(range, all);
  std::fflush(stdout);
  _exit(0);
}

/// A worker that a broken core has ended is replaced.
bool run_workers(const seed_range& range, board& all) {
  unsigned running = 0;
  bool is_well = true;
  for (unsigned j = 0; j < std::max(1u, range.jobs); ++j)
    if (start_worker(range, all) > 0) ++running;
  while (running > 0) {
    int how = 0;
    if (wait(&how) <= 0) return false;
    --running;
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0) continue;
    is_well = is_well && WIFEXITED(how);
    if (all.next < range.count && start_worker(range, all) > 0) ++running;
  }
  return is_well && all.next >= std::min<std::uint64_t>(range.count, 1);
}

std::uint64_t print_marks(const board& all) {
  marks met;
  for (std::size_t m = 0; m < mark_count; ++m) {
    met.hits[m] = all.hits[m];
    std::printf("%12llu  %s\n", static_cast<unsigned long long>(met.hits[m]),
                name_of(static_cast<mark>(m)));
  }
  const auto missing = met.missing();
  for (const auto& name : missing) std::printf("never met: %s\n", name.c_str());
  return missing.size();
}

}  // namespace

int run_seeds(const seed_range& range) {
  void* memory =
      mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 2;
  auto& all = *new (memory) board;
  shared = &all;
  const auto began = std::chrono::steady_clock::now();
  const bool is_well = run_workers(range, all);
  auto findings = all.findings + (is_well ? 0 : 1);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (range.needs_marks) findings += print_marks(all);
  std::printf(
      "%llu seeds from %llu, commit %s: %llu findings, %llu steps, %llu calls, "
      "%.1f hours simulated in %.1f s (%.1f seeds/s)\n",
      static_cast<unsigned long long>(range.count), static_cast<unsigned long long>(range.first),
      commit(), static_cast<unsigned long long>(findings),
      static_cast<unsigned long long>(all.steps.load()),
      static_cast<unsigned long long>(all.calls.load()),
      static_cast<double>(all.simulated_ms.load()) / 3.6e6, took.count(),
      static_cast<double>(range.count) / took.count());
  munmap(memory, sizeof(board));
  return findings == 0 ? 0 : 1;
}

}  // namespace muster::simulation
