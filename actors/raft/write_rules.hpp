#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/basic/strong.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

/// What the driver of the raft core decides about writes and clocks. Pure.
namespace muster::raft {

/// Numbers that the driver gives to the core for what is not an own write: reads, changes of
/// members, writes of others. No process life repeats those of another, and none is the sequence of
/// an own write (1, 2, 3 …), which stays below `first_of_life`.
class tag_source {
public:
  static constexpr std::uint64_t first_of_life = 1ULL << 32;
  explicit tag_source(incarnation started)
      : next_(std::max<std::uint64_t>(started.value, 1) << 32) {}
  std::uint64_t next() { return next_++; }
  static bool is_own_write(std::uint64_t tag) { return tag < first_of_life; }

private:
  std::uint64_t next_;
};

enum class refusal : unsigned char {
  is_final,     ///< no copy is in any log: tell who waits
  send_again,   ///< this copy was not taken; an earlier one may be in a log, so it stays unknown
  is_of_others  ///< of a leader that was asked before; the copy under way is another
};

/// @param copies that were sent, this one included. @param from who refuses; none: the own core.
inline refusal refusal_of(errc why, unsigned copies, member_id from, member_id asked_last) {
  if (from != asked_last) return refusal::is_of_others;
  if (why == errc::not_leader || copies > 1) return refusal::send_again;
  return refusal::is_final;
}

/// The clock that a leader stamps entries with: the wall clock, but while it leads no faster than
/// twice real time and some seconds. Stamps never go back, so one that jumped ahead would stay.
class stamp_clock {
public:
  static constexpr std::uint64_t slack_ms = 5000;
  std::uint64_t read(std::uint64_t wall_ms, std::uint64_t steady_ms, bool leads) {
    if (!leads) {
      is_anchored_ = false;
      return wall_ms;
    }
    if (!is_anchored_ || wall_ms < wall_ms_) {
      is_anchored_ = true;
      wall_ms_ = wall_ms;
      steady_ms_ = steady_ms;
    }
    return std::min(wall_ms, wall_ms_ + 2 * (steady_ms - steady_ms_) + slack_ms);
  }

private:
  bool is_anchored_ = false;
  std::uint64_t wall_ms_ = 0;
  std::uint64_t steady_ms_ = 0;
};

}  // namespace muster::raft
