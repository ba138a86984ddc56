#pragma once
#include "schemas/raft_types.hpp"

#include <deque>

namespace muster::raft {

/// What the leader knows of one follower. probe: one append at a time until they agree; pipeline:
/// appends without waiting, bounded in bytes; snapshot: nothing until the snapshot is installed.
struct progress {
  enum class mode : std::uint8_t { probe, pipeline, snapshot };
  mode now = mode::probe;
  log_index match;    ///< durable at the follower in this term
  log_index applied;  ///< there, as it has told in this term
  log_index next;
  bool is_paused = false;           ///< probe: an append is under way
  bool is_condemned = false;        ///< it knows that its state is wrong
  bool is_noted = false;            ///< others were told that it is wrong
  std::uint32_t ticks_waiting = 0;  ///< since the last append or offer that is unanswered
  std::uint32_t ticks_silent = 0;   ///< since anything was heard
  std::uint64_t read_round = 0;     ///< highest it has confirmed
  log_index commit_sent;
  log_index commit_wanted;  ///< somebody there waits until this is committed
  std::deque<std::pair<log_index, std::size_t>> inflight;  ///< last index and bytes of each append
  std::size_t inflight_bytes = 0;

  void to_probe() {
    now = mode::probe;
    next = match + 1;
    is_paused = false;
    ticks_waiting = 0;
    inflight.clear();
    inflight_bytes = 0;
  }
  void sent(log_index last, std::size_t bytes) {
    inflight.emplace_back(last, bytes);
    inflight_bytes += bytes;
    next = last + 1;
  }
  /// True if `index` is news.
  bool acknowledge(log_index index) {
    ticks_waiting = 0;
    while (!inflight.empty() && inflight.front().first <= index) {
      inflight_bytes -= inflight.front().second;
      inflight.pop_front();
    }
    if (next <= index) next = index + 1;
    if (index <= match) return false;
    match = index;
    return true;
  }
};

}  // namespace muster::raft
