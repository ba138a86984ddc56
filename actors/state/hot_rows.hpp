#pragma once
#include "schemas/row_changes.hpp"

namespace muster::state {

/// Rows that nearly every entry asks for, kept in memory from one group to the next: those of
/// tables that stay small. Whoever applies is the only writer, so they are never old.
class hot_rows {
public:
  /// Whether rows of this table are kept.
  static bool holds(table where);
  /// What is known of a row; null: nothing.
  [[nodiscard]] const std::optional<object>* find(const row_key& key) const;
  /// Remembers what the store holds, or that it holds nothing.
  const std::optional<object>& keep(const row_key& key, std::optional<object> row);
  /// A group has been written.
  void take(const row_changes& changes);
  /// Another state has taken the store's place.
  void clear() { rows_.clear(); }

private:
  static constexpr std::size_t rows_max = 4096;
  std::map<row_key, std::optional<object>> rows_;
};

}  // namespace muster::state
