#pragma once
#include "schemas/row_changes.hpp"

namespace muster::state {

/// Rows that the last entries asked for or wrote, kept in memory from one group to the next.
/// Whoever applies is the only writer, so they are never old.
class hot_rows {
public:
  /// What is known of a row; null: nothing.
  [[nodiscard]] const std::optional<object>* find(const row_key& key) const;
  /// Whether such a row (none: that there is none) is kept: not those of rings, which are seldom
  /// asked for again, and no large ones.
  static bool holds(table where, const std::optional<object>& row);
  /// Remembers what the store holds, or that it holds nothing.
  const std::optional<object>& keep(const row_key& key, std::optional<object> row);
  /// A group has been written.
  void take(const row_changes& changes);
  /// Another state has taken the store's place.
  void clear() { rows_.clear(); }

private:
  static constexpr std::size_t rows_max = 1024;
  std::map<row_key, std::optional<object>> rows_;
};

}  // namespace muster::state
