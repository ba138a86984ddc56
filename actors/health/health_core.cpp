#include "actors/health/health_core.hpp"

namespace muster::health {

std::vector<verdict> judge(const std::vector<observed>& all, std::uint64_t offline_threshold_ms,
                           std::uint64_t beat_period_ms) {
  std::vector<verdict> found;
  for (const auto& m : all) {
    const bool is_lost = !m.is_up && m.silent_ms >= offline_threshold_ms + beat_period_ms;
    if (!m.is_noted_offline && is_lost) found.push_back({m.id, true});
    if (m.is_noted_offline && m.is_up && m.is_whole) found.push_back({m.id, false});
  }
  return found;
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
