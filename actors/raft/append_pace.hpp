#pragma once
#include "schemas/raft_types.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace muster::raft {

/// How many appends a leader has on their way to a follower. Where an entry commits soon, two: one
/// is written to the follower's disk, one is under way, and what comes meanwhile gathers, for
/// larger batches cost each member less. Where the way is long, four.
class append_pace {
public:
  using clock = std::chrono::steady_clock;

  /// Entries up to `last` have been sent. One group at a time is followed to its commit.
  void sent(log_index last, clock::time_point now) {
    if (!followed_) followed_ = {last, now};
  }
  void committed(log_index index, clock::time_point now) {
    if (!followed_ || index < followed_->first) return;
    shortest_ = std::min(shortest_, now - followed_->second);
    followed_.reset();
    if (++seen_ < window) return;
    is_long_ = shortest_ > near_max;
    seen_ = 0;
    shortest_ = clock::duration::max();
  }
  /// The one that was followed may never commit: another leads.
  void forget() { followed_.reset(); }
  [[nodiscard]] std::size_t appends() const { return is_long_ ? 4 : 2; }

private:
  static constexpr int window = 32;  ///< the shortest of so many tells the way from the load
  static constexpr std::chrono::milliseconds near_max{3};
  std::optional<std::pair<log_index, clock::time_point>> followed_;
  clock::duration shortest_ = clock::duration::max();
  int seen_ = 0;
  bool is_long_ = false;
};

}  // namespace muster::raft
