#include "actors/health/health_core.hpp"

#include <algorithm>

namespace muster::health {

std::vector<verdict> judge(const std::vector<observed>& all, std::uint64_t offline_threshold_ms,
                           std::uint64_t beat_period_ms) {
  std::vector<verdict> found;
  for (const auto& m : all) {
    const bool is_lost = !m.is_up && (m.silent_ms >= offline_threshold_ms + beat_period_ms ||
                                      m.closed_ms >= offline_threshold_ms);
    const bool is_offline = m.is_noted_offline ? !(m.is_up && m.is_whole) : is_lost;
    const bool is_other_build = m.level != 0 && m.level != m.noted_level;
    if (is_offline != m.is_noted_offline || is_other_build)
      found.push_back({m.id, is_offline, m.level});
  }
  return found;
}

std::uint32_t common_level(const std::vector<build>& all) {
  std::uint32_t lowest = 0;
  for (const auto& b : all) {
    if (!b.counts) continue;
    if (b.level == 0) return 0;
    lowest = lowest == 0 ? b.level : std::min(lowest, b.level);
  }
  return lowest;
}

std::vector<clock_verdict> judge_clocks(const std::vector<observed>& all,
                                        std::int64_t skew_max_ms) {
  std::vector<clock_verdict> found;
  for (const auto& m : all) {
    const bool is_off = m.skew_ms > skew_max_ms || m.skew_ms < -skew_max_ms;
    if (m.is_up && is_off != m.is_noted_skewed) found.push_back({m.id, is_off, m.skew_ms});
  }
  return found;
}

}  // namespace muster::health
