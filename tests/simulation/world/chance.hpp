#pragma once
#include <cstddef>
#include <cstdint>

namespace muster::simulation {

/// All chance of a run, from one seed (SplitMix64). The same everywhere: no library's distribution.
class chance {
public:
  explicit chance(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  /// True `n` times in a thousand.
  bool per_mille(std::uint64_t n) { return below(1000) < n; }

private:
  std::uint64_t state_;
};

/// Folds a number into a running hash.
inline void mix(std::uint64_t& hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x100000001b3ULL;
  hash ^= hash >> 29;
}

}  // namespace muster::simulation
