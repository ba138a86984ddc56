#pragma once
#include <chrono>
#include <cstdint>

namespace muster {

/// This server's clock, ms since the epoch. For stamps and for people; nothing is decided by it.
inline std::uint64_t wall_ms() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}

/// The clock that never jumps, ms since some start of its own. For intervals.
inline std::uint64_t steady_ms() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

}  // namespace muster
