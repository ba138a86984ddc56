#pragma once
#include "schemas/records.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <mutex>

namespace muster::raft {

/// Who waits for which of this member's writes. Threads of the HTTP front wait, the applier and the
/// raft actor answer. Each write is answered once.
class write_waiters {
public:
  explicit write_waiters(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  /// A new sequence number and its answer. @errors errc::busy above the bound.
  result<std::pair<std::uint64_t, std::future<result<outcome>>>> open();
  /// Outcome known: the entry was applied here.
  void settle(std::uint64_t sequence, const outcome& o);
  /// Definitely not done, or unknown: `why` says which.
  void refuse(std::uint64_t sequence, failure why);
  /// The waiter has left at its deadline.
  void leave(std::uint64_t sequence);
  /// From here on the write may be in somebody's log.
  void mark_sent(std::uint64_t sequence);
  [[nodiscard]] bool was_sent(std::uint64_t sequence);
  void refuse_all(const failure& why);

private:
  struct waiter {
    std::promise<result<outcome>> answer;
    bool sent = false;
  };
  std::size_t waiting_max_;
  std::mutex lock_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, waiter> waiting_;
};

}  // namespace muster::raft
