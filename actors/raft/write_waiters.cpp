#include "actors/raft/write_waiters.hpp"

namespace muster::raft {

std::optional<std::uint64_t> write_waiters::open(write_answer answer, clock::time_point deadline) {
  std::unique_lock guard(lock_);
  if (!closed_ && waiting_.size() < waiting_max_) {
    const auto sequence = next_++;
    waiting_.emplace_hint(waiting_.end(), sequence, waiter{std::move(answer), deadline});
    return sequence;
  }
  const bool closed = closed_;
  guard.unlock();
  answer(closed ? fail(errc::unavailable, "Incus is shutting down")
                : fail(errc::busy, "too many writes are waiting on this member; try again"));
  return std::nullopt;
}

write_answer write_waiters::take(std::uint64_t sequence) {
  auto found = waiting_.extract(sequence);
  return found.empty() ? write_answer{} : std::move(found.mapped().answer);
}

void write_waiters::settle(std::vector<settled_write> outcomes) {
  std::vector<write_answer> answers(outcomes.size());
  {
    const std::lock_guard guard(lock_);
    for (std::size_t i = 0; i < outcomes.size(); ++i) answers[i] = take(outcomes[i].sequence);
  }
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (answers[i]) answers[i](std::move(outcomes[i].result));
}

void write_waiters::refuse(std::uint64_t sequence, failure why) {
  write_answer answer;
  {
    const std::lock_guard guard(lock_);
    answer = take(sequence);
  }
  if (answer) answer(std::move(why));
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

std::pair<std::size_t, std::size_t> write_waiters::expire(clock::time_point now) {
  std::vector<waiter> late;
  {
    const std::lock_guard guard(lock_);
    for (auto at = waiting_.begin(); at != waiting_.end();)
      if (at->second.deadline <= now) {
        late.push_back(std::move(at->second));
        at = waiting_.erase(at);
      } else {
        ++at;
      }
  }
  std::size_t unknown = 0;
  for (auto& w : late) {
    unknown += w.sent ? 1 : 0;
    w.answer(w.sent ? fail(errc::unknown_outcome,
                           "no answer in time: the write may or may not have happened; look "
                           "before you repeat it")
                    : fail(errc::no_quorum,
                           "no leader was found in time; nothing was changed, try again"));
  }
  return {late.size() - unknown, unknown};
}

void write_waiters::close(const failure& why) {
  std::map<std::uint64_t, waiter> all;
  {
    const std::lock_guard guard(lock_);
    closed_ = true;
    all.swap(waiting_);
  }
  for (auto& [sequence, w] : all) w.answer(why);
}

}  // namespace muster::raft
