#include "tests/simulation/world/schedule.hpp"

namespace muster::simulation {

void schedule::in(std::uint64_t delay_ms, std::function<void()> what) {
  waiting_.push({now_ms_ + delay_ms, next_order_++, std::move(what)});
}

bool schedule::run_next(std::uint64_t end_ms) {
  if (waiting_.empty() || waiting_.top().at_ms > end_ms) {
    now_ms_ = end_ms;
    return false;
  }
  auto what = std::move(const_cast<happening&>(waiting_.top()).what);
  now_ms_ = waiting_.top().at_ms;
  waiting_.pop();
  ++moment_;
  what();
  return true;
}

}  // namespace muster::simulation
