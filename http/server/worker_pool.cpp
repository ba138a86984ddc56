#include "http/server/worker_pool.hpp"

#include <exception>

namespace muster::http {

namespace {
constexpr std::chrono::seconds idle_time_max{10};
}

worker_pool::worker_pool(std::size_t threads_min, std::size_t threads_max, std::size_t waiting_max)
    : min_(threads_min), max_(threads_max), waiting_max_(waiting_max) {}

worker_pool::~worker_pool() { stop(); }

bool worker_pool::post(std::function<void()> task) {
  const std::lock_guard guard(lock_);
  if (stopping_ || tasks_.size() >= waiting_max_) return false;
  tasks_.push_back(std::move(task));
  if (idle_ >= tasks_.size()) {
    wake_.notify_one();
    return true;
  }
  if (threads_ >= max_) return true;
  try {
    std::thread([this] { work(); }).detach();
    ++threads_;
  } catch (const std::exception&) {  // too many threads on this server
    if (threads_ == 0) {
      tasks_.pop_back();
      return false;
    }
  }
  return true;
}

void worker_pool::work() {
  std::unique_lock guard(lock_);
  for (;;) {
    if (tasks_.empty() && !stopping_) {
      ++idle_;
      const bool woken =
          wake_.wait_for(guard, idle_time_max, [&] { return stopping_ || !tasks_.empty(); });
      --idle_;
      if (!woken && threads_ > min_) break;
      continue;
    }
    if (tasks_.empty()) break;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    guard.unlock();
    try {
      task();
    } catch (const std::exception&) {  // a task that cares has caught it
    }
    task = nullptr;
    guard.lock();
  }
  --threads_;
  ended_.notify_all();
}

bool worker_pool::stop(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock guard(lock_);
  stopping_ = true;
  tasks_.clear();
  wake_.notify_all();
  const auto is_done = [&] { return threads_ == 0; };
  if (deadline != std::chrono::steady_clock::time_point::max())
    return ended_.wait_until(guard, deadline, is_done);
  ended_.wait(guard, is_done);
  return true;
}

std::size_t worker_pool::threads() const {
  const std::lock_guard guard(lock_);
  return threads_;
}

}  // namespace muster::http
