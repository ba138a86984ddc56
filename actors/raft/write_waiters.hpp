#pragma once
#include "schemas/records.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace muster::raft {

/// What became of a write: the outcome of its entry, or why there is none.
using write_answer = std::function<void(result<outcome>)>;

/// The outcome of an own entry, by the sequence number of its write.
struct settled_write {
  std::uint64_t sequence = 0;
  outcome result;
};

/// Who waits for which of this member's writes. Each write is answered once: by the applier, by a
/// refusal, or at its deadline. Answers are called without the lock and must not block.
class write_waiters {
public:
  using clock = std::chrono::steady_clock;
  explicit write_waiters(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  /// A new sequence number. None: `answer` was told errc::busy (above the bound) or
  /// errc::unavailable (closed).
  std::optional<std::uint64_t> open(write_answer answer, clock::time_point deadline);
  /// Outcomes known: the entries were applied here.
  void settle(std::vector<settled_write> outcomes);
  /// Definitely not done, or unknown: `why` says which.
  void refuse(std::uint64_t sequence, failure why);
  /// From here on the write may be in somebody's log.
  void mark_sent(std::uint64_t sequence);
  [[nodiscard]] bool was_sent(std::uint64_t sequence);
  /// Answers what has waited too long. Gives (refused, unknown): how many of each.
  std::pair<std::size_t, std::size_t> expire(clock::time_point now);
  /// Answers all who wait, and refuses whoever comes after.
  void close(const failure& why);

private:
  struct waiter {
    write_answer answer;
    clock::time_point deadline;
    bool sent = false;
  };
  write_answer take(std::uint64_t sequence);

  std::size_t waiting_max_;
  std::mutex lock_;
  std::uint64_t next_ = 1;
  bool closed_ = false;
  std::map<std::uint64_t, waiter> waiting_;
};

}  // namespace muster::raft
