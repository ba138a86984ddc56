#pragma once
#include "schemas/basic/strong.hpp"

#include <cstdint>
#include <vector>

/// Decides who is offline, for everybody to see. Pure: the leader's health actor asks.
namespace muster::health {

struct observed {
  member_id id;
  bool is_noted_offline = false;
  bool is_up = false;           ///< its session
  std::uint64_t silent_ms = 0;  ///< since it was heard last
  std::int64_t skew_ms = 0;     ///< its clock against the leader's
  bool is_noted_skewed = false;
  std::uint32_t level = 0;        ///< of its build, as its hello says; 0: not known
  std::uint32_t noted_level = 0;  ///< as noted before
  bool is_whole = false;          ///< has all that was committed, and done what it owes
  std::uint64_t closed_ms = 0;    ///< since its session was seen to end; 0: it is up
};

struct verdict {
  member_id id;
  bool is_offline = false;
  std::uint32_t level = 0;  ///< 0: not known
  bool operator==(const verdict&) const = default;
};

/// Those whose state is another than the one noted. Offline: its session has ended the threshold
/// ago, or it was silent for that and the time between two beats, as it may have lived until then.
/// Online again: its session is up and nothing is missing there.
std::vector<verdict> judge(const std::vector<observed>& all, std::uint64_t offline_threshold_ms,
                           std::uint64_t beat_period_ms);

struct build {
  bool counts = false;      ///< it votes, stands by, or is not offline
  std::uint32_t level = 0;  ///< as noted; 0: not told yet
};
/// The level at which the cluster may act: the lowest of those that count. 0: not known yet.
std::uint32_t common_level(const std::vector<build>& all);

struct clock_verdict {
  member_id id;
  bool is_off = false;
  std::int64_t skew_ms = 0;
  bool operator==(const clock_verdict&) const = default;
};
/// Those whose clock has come to differ by more than `skew_max_ms`, or does no more.
std::vector<clock_verdict> judge_clocks(const std::vector<observed>& all, std::int64_t skew_max_ms);

}  // namespace muster::health
