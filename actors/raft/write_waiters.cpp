#include "actors/raft/write_waiters.hpp"

namespace muster::raft {

result<std::pair<std::uint64_t, std::future<result<outcome>>>> write_waiters::open() {
  const std::lock_guard guard(lock_);
  if (waiting_.size() >= waiting_max_)
    return fail(errc::busy, "too many writes are waiting on this member; try again");
  const auto sequence = next_++;
  return std::pair{sequence, waiting_[sequence].answer.get_future()};
}

void write_waiters::settle(std::uint64_t sequence, const outcome& o) {
  const std::lock_guard guard(lock_);
  auto at = waiting_.find(sequence);
  if (at == waiting_.end()) return;
  at->second.answer.set_value(o);
  waiting_.erase(at);
}

void write_waiters::refuse(std::uint64_t sequence, failure why) {
  const std::lock_guard guard(lock_);
  auto at = waiting_.find(sequence);
  if (at == waiting_.end()) return;
  at->second.answer.set_value(std::move(why));
  waiting_.erase(at);
}

void write_waiters::leave(std::uint64_t sequence) {
  const std::lock_guard guard(lock_);
  waiting_.erase(sequence);
}

void write_waiters::mark_sent(std::uint64_t sequence) {
  const std::lock_guard guard(lock_);
  if (auto at = waiting_.find(sequence); at != waiting_.end()) at->second.sent = true;
}

bool write_waiters::was_sent(std::uint64_t sequence) {
  const std::lock_guard guard(lock_);
  auto at = waiting_.find(sequence);
  return at == waiting_.end() || at->second.sent;
}

void write_waiters::refuse_all(const failure& why) {
  const std::lock_guard guard(lock_);
  for (auto& [sequence, w] : waiting_) w.answer.set_value(why);
  waiting_.clear();
}

}  // namespace muster::raft
