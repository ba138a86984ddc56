#pragma once
#include "http/message/message.hpp"

#include <condition_variable>
#include <mutex>

namespace muster::http {

/// Wakes whoever waits for rows to change. Thread-safe.
class row_bell {
public:
  void ring() {
    {
      const std::lock_guard guard(lock_);
      ++rung_;
    }
    changed_.notify_all();
  }
  /// Blocks until `holds` or the deadline; looks again after each change. Gives what `holds` said
  /// last.
  template <class F>
  bool wait_until(clock::time_point deadline, F holds) {
    for (;;) {
      std::unique_lock guard(lock_);
      const auto seen = rung_;
      guard.unlock();
      if (holds()) return true;
      guard.lock();
      if (!changed_.wait_until(guard, deadline, [&] { return rung_ != seen; })) return false;
    }
  }

private:
  std::mutex lock_;
  std::condition_variable changed_;
  std::uint64_t rung_ = 0;
};

}  // namespace muster::http
