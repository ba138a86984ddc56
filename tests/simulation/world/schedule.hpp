#pragma once
#include <cstdint>
#include <functional>
#include <queue>

namespace muster::simulation {

/// Simulated time: what is to happen, in order. Nothing passes but what is put in.
class schedule {
public:
  void in(std::uint64_t delay_ms, std::function<void()> what);
  /// Does the next thing that is due until `end_ms`; false if there is none (time is `end_ms`
  /// then).
  bool run_next(std::uint64_t end_ms);
  [[nodiscard]] std::uint64_t now_ms() const { return now_ms_; }
  /// Counts everything that has happened: a clock without ties.
  [[nodiscard]] std::uint64_t moment() const { return moment_; }
  std::uint64_t next_moment() { return ++moment_; }

private:
  struct happening {
    std::uint64_t at_ms;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const happening& o) const {
      return at_ms != o.at_ms ? at_ms > o.at_ms : order > o.order;
    }
  };
  std::priority_queue<happening> waiting_;
  std::uint64_t now_ms_ = 0;
  std::uint64_t next_order_ = 0;
  std::uint64_t moment_ = 0;
};

}  // namespace muster::simulation
