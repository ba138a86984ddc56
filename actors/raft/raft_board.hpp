#pragma once
#include "actors/raft/core/raft_io.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <tuple>

namespace muster::raft {

/// What this member knows of the log right now, for anybody who asks. The raft actor writes.
struct board_view {
  status_view raft;
  log_index applied;
  std::map<member_id, bool> sessions;  ///< by peer: whether a session is up
  /// Leader: with the state as of this entry, roles are as they should be and nobody is on the way
  /// to one; none: they are not, or this member does not lead.
  log_index roles_rest_at{};
  /// Another whenever something has changed that roles hang on.
  std::uint64_t version = 0;
  std::uint64_t ticks = 0;
  std::chrono::milliseconds tick_period{};
};

class raft_board {
public:
  void show(board_view next) {
    const std::lock_guard guard(lock_);
    const auto decides_roles = [](const board_view& v) {
      return std::tie(v.raft.now, v.raft.term, v.raft.changing_members, v.raft.members, v.sessions);
    };
    next.version = now_.version + 1;
    if (decides_roles(next) == decides_roles(now_)) {
      next.version = now_.version;
      next.roles_rest_at = now_.roles_rest_at;
    }
    now_ = std::move(next);
    changed_.notify_all();
  }
  /// From whoever looks at the roles. @param version of the board that was looked at: what is said
  /// of an older one counts no more.
  void roles_rest(log_index at, std::uint64_t version) {
    const std::lock_guard guard(lock_);
    if (version != now_.version || at == now_.roles_rest_at) return;
    now_.roles_rest_at = at;
    changed_.notify_all();
  }
  [[nodiscard]] board_view get() const {
    const std::lock_guard guard(lock_);
    return now_;
  }
  /// Waits until `holds` is true of the board, at most until `deadline`.
  template <class F, class T>
  bool wait_until(T deadline, F holds) const {
    std::unique_lock guard(lock_);
    return changed_.wait_until(guard, deadline, [&] { return holds(now_); });
  }

private:
  mutable std::mutex lock_;
  mutable std::condition_variable changed_;
  board_view now_;
};

}  // namespace muster::raft
