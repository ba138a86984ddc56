#pragma once
#include "actors/raft/core/start.hpp"
#include "storage/rows/map_view.hpp"
#include "tests/simulation/world/chance.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace muster::simulation {

/// The applied state after one entry. `digest` folds in every entry's effect from the first on, by
/// other means than the chain in `meta`.
struct saved_state {
  storage::map_view rows;
  raft::snapshot_meta meta;
  std::uint64_t digest = 0;
  bool is_wrong = false;  ///< a row was changed behind apply's back, here or where it comes from
};

/// One synced write of the raft store.
struct batch {
  std::optional<raft::hard_state> hard;
  std::optional<raft::snapshot_meta> begins_behind;
  std::vector<raft::entry> entries;
};

enum class write_fate : std::uint8_t { lost, torn, whole };

/// What one member keeps: the raft store (batches, each whole or not there) and the flushed state.
/// Only what was synced outlives a crash.
class disk {
public:
  void begin(batch b) { writing_ = std::move(b); }
  void sync();
  /// Ends the write under way as a power cut does. A torn one is cut off by its length and
  /// checksum.
  void cut_power(write_fate fate, chance& random);
  void compact(const raft::snapshot_meta& start);
  void flush(std::shared_ptr<const saved_state> state) { state_ = std::move(state); }
  /// The mark of a member whose state is known to be wrong.
  void condemn(bool is_condemned) { is_condemned_ = is_condemned; }
  [[nodiscard]] bool is_condemned() const { return is_condemned_; }

  /// Flips a bit in an entry or in the hard state.
  void flip(chance& random);
  /// What a member begins with. @errors errc::corrupt if a checksum does not hold.
  result<raft::start_plan> load();

  [[nodiscard]] const raft::hard_state& hard() const { return hard_; }
  [[nodiscard]] const raft::snapshot_meta& start() const { return start_; }
  [[nodiscard]] const std::deque<raft::entry>& entries() const { return entries_; }
  [[nodiscard]] log_index last() const { return start_.index + entries_.size(); }
  [[nodiscard]] bool is_writing() const { return writing_.has_value(); }
  [[nodiscard]] const std::shared_ptr<const saved_state>& state() const { return state_; }
  /// Whether the entry of this index and term would outlive a crash, in the log or in the state.
  [[nodiscard]] bool holds(log_index index, raft_term term) const;
  /// The first member's disk when a cluster is made.
  void bootstrap(const raft::configuration& members);

private:
  void put(const batch& b);

  raft::hard_state hard_;
  raft::snapshot_meta start_;
  std::deque<raft::entry> entries_;
  std::optional<batch> writing_;
  std::shared_ptr<const saved_state> state_ = std::make_shared<saved_state>();
  bool is_damaged_ = false;
  bool is_condemned_ = false;
};

}  // namespace muster::simulation
