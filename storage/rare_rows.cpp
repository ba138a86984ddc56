#include "storage/rare_rows.hpp"

#include <algorithm>

namespace muster::storage {

namespace {

template <class Map, class Key>
auto find_in(const Map& all, const Key& key) -> std::optional<typename Map::mapped_type> {
  const auto at = all.find(key);
  if (at == all.end()) return std::nullopt;
  return at->second;
}

}  // namespace

bool rare_rows::are_touched(const row_changes& changes) {
  return std::any_of(changes.rows.begin(), changes.rows.end(),
                     [](const auto& change) { return changes_seldom(change.first.where); });
}

std::optional<std::optional<object>> rare_rows::find(const row_key& key) const {
  const std::lock_guard guard(lock_);
  return find_in(rows_, key);
}

std::optional<std::optional<object_id>> rare_rows::find(const name_key& key) const {
  const std::lock_guard guard(lock_);
  return find_in(names_, key);
}

void rare_rows::keep(const row_key& key, const std::optional<object>& row) {
  const std::lock_guard guard(lock_);
  if (rows_.size() < kept_max) rows_.emplace(key, row);
}

void rare_rows::keep(const name_key& key, std::optional<object_id> id) {
  const std::lock_guard guard(lock_);
  if (names_.size() < kept_max) names_.emplace(key, id);
}

}  // namespace muster::storage
