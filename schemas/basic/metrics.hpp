#pragma once
#include <atomic>
#include <cstdint>

namespace muster {

/// What a member counts about itself. Plain atomics, filled from everywhere; `/1.0/metrics` reads
/// them.
struct metrics {
  std::atomic<std::uint64_t> writes_submitted{0};
  std::atomic<std::uint64_t> writes_refused{0};
  std::atomic<std::uint64_t> writes_unknown{0};
  std::atomic<std::uint64_t> reads_indexed{0};
  std::atomic<std::uint64_t> reads_stale{0};
  std::atomic<std::uint64_t> log_syncs{0};
  std::atomic<std::uint64_t> entries_written{0};
  std::atomic<std::uint64_t> entries_applied{0};
  std::atomic<std::uint64_t> elections_won{0};
  std::atomic<std::uint64_t> sessions_opened{0};
  std::atomic<std::uint64_t> sessions_closed{0};
  std::atomic<std::uint64_t> link_messages_dropped{0};
  std::atomic<std::uint64_t> snapshots_made{0};
  std::atomic<std::uint64_t> snapshot_chunks_sent{0};
  std::atomic<std::uint64_t> snapshots_begun{0};      ///< fetches from the first chunk on
  std::atomic<std::uint64_t> snapshots_continued{0};  ///< fetches with chunks of an earlier attempt
  std::atomic<std::uint64_t> snapshot_chunks_taken{0};
  std::atomic<std::uint64_t> snapshot_chunks_damaged{0};
};

inline metrics& counts() {
  static metrics all;
  return all;
}

}  // namespace muster
