#pragma once
#include "schemas/chain.hpp"
#include "schemas/row_changes.hpp"
#include "schemas/state_view.hpp"

namespace muster::state {

/// What a group of entries changes, laid over the state they start from. Apply reads and writes
/// here; the store then puts rows and names in one batch. Not thread-safe.
class transaction final : public state_view {
public:
  explicit transaction(const state_view& base, std::uint64_t digest = 0)
      : transaction(base, base.applied(), digest) {}
  /// @param applied what `base` shows. @param digest of the chain there.
  transaction(const state_view& base, log_index applied, std::uint64_t digest)
      : base_(base), applied_(applied), chain_(applied, digest) {}

  /// Turns to the next entry. Rows put from here on carry its index and stamp.
  void begin(log_index at, std::uint64_t stamp_ms);
  /// The member that was asked for what follows; lifecycle events name it.
  void asked_of(member_id asked) { asked_ = asked; }
  [[nodiscard]] std::uint64_t stamp_ms() const { return stamp_ms_; }

  row_ptr get(const row_key& key) const override;
  std::optional<object_id> find(table where, project_id project,
                                std::string_view name) const override;
  void each(table where, std::optional<project_id> project, const visitor& see) const override;
  log_index applied() const override { return applied_; }

  /// Writes a row; sets head.modified, and head.created if it is new. A changed name moves the
  /// index.
  void put(object row);
  /// As `put`, for a row whose key is unused, or holds what is of no use any more.
  void add(object row);
  void erase(const row_key& key);
  /// The next object id.
  object_id next_object();
  member_id next_member();
  /// Numbers a lifecycle event and keeps it, in place of the oldest one.
  void emit(event e);

  [[nodiscard]] const row_changes& changes() const { return changes_; }
  /// The digest chain after what was done so far.
  [[nodiscard]] std::uint64_t digest() const { return chain_.value(); }
  /// Events of this transaction, in order.
  [[nodiscard]] const std::vector<event>& events() const { return events_; }

private:
  counters numbers();
  void write(const row_key& key, object row, const object* before);

  const state_view& base_;
  mutable std::map<row_key, row_ptr> read_;  ///< of `base_`, in this group
  log_index applied_;
  chain chain_;
  std::uint64_t stamp_ms_ = 0;
  member_id asked_;
  row_changes changes_;
  std::vector<event> events_;
};

}  // namespace muster::state
