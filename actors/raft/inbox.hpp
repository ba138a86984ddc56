#pragma once
#include <mutex>
#include <utility>
#include <vector>

namespace muster::raft {

/// What many threads ask of an actor that is told once, not for each. Thread-safe.
template <class T>
class inbox {
public:
  /// True: the actor must be told that something waits. Closed: `one` is dropped.
  bool put(T one) {
    const std::lock_guard guard(lock_);
    if (is_closed_) return false;
    waiting_.push_back(std::move(one));
    return waiting_.size() == 1;
  }
  std::vector<T> take() {
    const std::lock_guard guard(lock_);
    return std::exchange(waiting_, {});
  }
  void close() {
    std::vector<T> left;  // dropped without the lock
    const std::lock_guard guard(lock_);
    is_closed_ = true;
    left.swap(waiting_);
  }

private:
  std::mutex lock_;
  std::vector<T> waiting_;
  bool is_closed_ = false;
};

}  // namespace muster::raft
