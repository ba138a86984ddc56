#pragma once
#include "schemas/raft_types.hpp"

#include <deque>
#include <optional>

namespace muster::raft {

/// The part of the log that is kept, in memory: entries behind `start`. Indexes are consecutive.
class log {
public:
  log(snapshot_meta start, std::vector<entry> entries);

  [[nodiscard]] const snapshot_meta& start() const { return start_; }
  [[nodiscard]] log_index last() const { return start_.index + entries_.size(); }
  [[nodiscard]] raft_term last_term() const;
  [[nodiscard]] std::uint64_t last_stamp_ms() const;
  /// None if the entry is not kept and is not `start` itself.
  [[nodiscard]] std::optional<raft_term> term_at(log_index i) const;
  [[nodiscard]] const entry& at(log_index i) const;
  /// Entries from `from` on, at least one if there is one, else up to `bytes_max`.
  [[nodiscard]] std::vector<entry> slice(log_index from, std::size_t bytes_max) const;
  /// Highest index ≤ `from` whose term is ≤ `term`: where two logs may still agree (Raft §5.3,
  /// end).
  [[nodiscard]] log_index last_agreeing(log_index from, raft_term term) const;
  /// Whether a log that ends so is at least as complete as this one (Raft §5.4.1).
  [[nodiscard]] bool is_up_to_date(log_index other_last, raft_term other_term) const;
  /// The configuration in force and the entry it stands in (Raft §6: used once it is in the log).
  [[nodiscard]] std::pair<configuration, log_index> members() const;
  /// The one that was in force before the entry `i`.
  [[nodiscard]] configuration members_before(log_index i) const;

  void append(entry e);
  /// Drops `from` and everything behind it.
  void truncate(log_index from);
  void compact(const snapshot_meta& start);
  void reset(const snapshot_meta& start);

private:
  snapshot_meta start_;
  std::deque<entry> entries_;
};

}  // namespace muster::raft
