#include "actors/state/hot_rows.hpp"

namespace muster::state {

bool hot_rows::holds(table where) {
  return changes_seldom(where) || where == table::counters || where == table::proposer;
}

const std::optional<object>* hot_rows::find(const row_key& key) const {
  const auto at = rows_.find(key);
  return at == rows_.end() ? nullptr : &at->second;
}

const std::optional<object>& hot_rows::keep(const row_key& key, std::optional<object> row) {
  return rows_.insert_or_assign(key, std::move(row)).first->second;
}

void hot_rows::take(const row_changes& changes) {
  if (rows_.size() > rows_max) rows_.clear();
  for (const auto& [key, row] : changes.rows)
    if (holds(key.where)) rows_.insert_or_assign(key, row);
}

}  // namespace muster::state
