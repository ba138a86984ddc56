#include "tests/simulation/world/network.hpp"

#include <algorithm>

namespace muster::simulation {

std::vector<std::uint64_t> network::arrivals_ms(member_id from, member_id to,
                                                std::uint64_t now_ms) {
  if (!is_open(from, to)) return {};
  auto& last = last_arrival_ms_[{from, to}];
  const auto delay = 1 + random_.below(random_.one_in(20) ? 200 : weather_.delay_ms_max);
  if (has_sessions_) {
    last = std::max(last, now_ms + delay);
    return {last};
  }
  if (random_.per_mille(weather_.lost_per_mille)) {
    met_.hit(mark::message_lost);
    return {};
  }
  std::vector<std::uint64_t> times;
  if (random_.per_mille(weather_.late_per_mille)) {
    met_.hit(mark::message_minutes_late);
    times.push_back(now_ms + random_.between(60'000, 180'000));
  } else if (random_.per_mille(weather_.overtaken_per_mille)) {
    if (now_ms + delay < last) met_.hit(mark::message_overtaken);
    times.push_back(now_ms + delay);
  } else {
    times.push_back(std::max(last, now_ms + delay));
    last = times.back();
  }
  if (random_.per_mille(weather_.twice_per_mille)) {
    met_.hit(mark::message_twice);
    times.push_back(times.back() + random_.below(2'000));
  }
  return times;
}

std::uint64_t network::session(member_id a, member_id b) const {
  const auto at = sessions_.find(std::minmax(a, b));
  return at == sessions_.end() ? 0 : at->second;
}

void network::end_session(member_id a, member_id b) { ++sessions_[std::minmax(a, b)]; }

}  // namespace muster::simulation
