#pragma once
#include "schemas/raft_types.hpp"

#include <algorithm>
#include <deque>

namespace muster::raft {

/// The digests of this member's chain after its last entries.
class digest_ring {
public:
  /// The state was read from disk, or was replaced.
  void begin(chain_point at) {
    last_ = at.index;
    digests_.assign(1, at.digest);
  }
  /// @param digests after the entries up to `last`, one each.
  void add(log_index last, const std::vector<std::uint64_t>& digests) {
    if (last <= last_) return;
    if (last_ + digests.size() < last) digests_.clear();  // others are missing in between
    for (auto i = digests.size() - std::min(digests.size(), last.value - last_.value);
         i < digests.size(); ++i)
      digests_.push_back(digests[i]);
    while (digests_.size() > kept_max) digests_.pop_front();
    last_ = last;
  }
  /// 0: not known here.
  [[nodiscard]] std::uint64_t at(log_index i) const {
    const auto behind = last_.value - i.value;
    return i > last_ || behind >= digests_.size() ? 0 : digests_[digests_.size() - 1 - behind];
  }
  [[nodiscard]] chain_point last() const { return {last_, at(last_)}; }

private:
  static constexpr std::size_t kept_max = 4096;
  log_index last_;
  std::deque<std::uint64_t> digests_;  ///< the last one is of `last_`
};

}  // namespace muster::raft
