#pragma once
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace muster::http {

/// Threads that answer requests. Grows at once when all are busy, because each may wait for a
/// commit; shrinks after some idle seconds.
class worker_pool {
public:
  worker_pool(std::size_t threads_min, std::size_t threads_max, std::size_t waiting_max);
  ~worker_pool();
  /// False: too much is waiting already, or no thread can be had.
  bool post(std::function<void()> task);
  void stop() { stop(std::chrono::steady_clock::time_point::max()); }
  /// False: a task was still running at the deadline.
  bool stop(std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] std::size_t threads() const;

private:
  void work();
  std::size_t min_, max_, waiting_max_;
  mutable std::mutex lock_;
  std::condition_variable wake_, ended_;
  std::deque<std::function<void()>> tasks_;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace muster::http
