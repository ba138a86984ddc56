#include "storage/rows/row_cache.hpp"

namespace muster::storage {

namespace {

constexpr std::size_t row_bytes_max = 8192;

/// Rows of rings are seldom asked for again.
bool is_kept(table where, std::size_t bytes) {
  return where != table::event && where != table::seen_request && bytes <= row_bytes_max;
}

template <class Map>
auto find_in(const Map& all, const typename Map::key_type& key, log_index at)
    -> std::optional<decltype(all.begin()->second.value)> {
  const auto found = all.find(key);
  if (found == all.end() || at < found->second.since) return std::nullopt;
  return found->second.value;
}

}  // namespace

std::optional<row_ptr> row_cache::find(const row_key& key, log_index at) const {
  const std::lock_guard guard(lock_);
  return find_in(rows_, key, at);
}

std::optional<std::optional<object_id>> row_cache::find(const name_key& key, log_index at) const {
  const std::lock_guard guard(lock_);
  return find_in(names_, key, at);
}

void row_cache::keep(const row_key& key, row_ptr row, std::size_t bytes, log_index at) {
  if (!is_kept(key.where, bytes)) return;
  const std::lock_guard guard(lock_);
  if (at == now_ && rows_.size() < kept_max)
    rows_.insert_or_assign(key, known_row{std::move(row), at});
}

void row_cache::keep(const name_key& key, std::optional<object_id> id, log_index at) {
  const std::lock_guard guard(lock_);
  if (at == now_ && names_.size() < kept_max) names_.insert_or_assign(key, known_name{id, at});
}

void row_cache::take(const row_changes& changes, const std::vector<std::size_t>& bytes,
                     log_index next) {
  const std::lock_guard guard(lock_);
  now_ = next;
  if (rows_.size() >= kept_max) rows_.clear();
  if (names_.size() >= kept_max) names_.clear();
  auto size = bytes.begin();
  for (const auto& [key, row] : changes.rows)
    if (is_kept(key.where, *size++))
      rows_.insert_or_assign(key, known_row{row, next});
    else
      rows_.erase(key);
  for (const auto& [key, id] : changes.names) names_.insert_or_assign(key, known_name{id, next});
}

}  // namespace muster::storage
