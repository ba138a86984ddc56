#include "storage/row_cache.hpp"

namespace muster::storage {

namespace {

constexpr std::size_t row_bytes_max = 8192;

std::size_t bytes_of(const string_map& pairs) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : pairs) bytes += key.size() + value.size();
  return bytes;
}

/// Only configuration and devices let a row grow large.
bool is_large(const object& row) {
  return std::visit(
      [](const auto& r) {
        std::size_t bytes = 0;
        if constexpr (requires { r.config; }) bytes += bytes_of(r.config);
        if constexpr (requires { r.devices; })
          for (const auto& [name, device] : r.devices) bytes += name.size() + bytes_of(device);
        return bytes > row_bytes_max;
      },
      row);
}

/// Rows of rings are seldom asked for again.
bool is_kept(table where, const object* row) {
  return where != table::event && where != table::seen_request && !(row && is_large(*row));
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

void row_cache::keep(const row_key& key, row_ptr row, log_index at) {
  if (!is_kept(key.where, row.get())) return;
  const std::lock_guard guard(lock_);
  if (at == now_ && rows_.size() < kept_max) rows_.insert_or_assign(key, known_row{std::move(row), at});
}

void row_cache::keep(const name_key& key, std::optional<object_id> id, log_index at) {
  const std::lock_guard guard(lock_);
  if (at == now_ && names_.size() < kept_max) names_.insert_or_assign(key, known_name{id, at});
}

void row_cache::take(const row_changes& changes, log_index next) {
  const std::lock_guard guard(lock_);
  now_ = next;
  if (rows_.size() >= kept_max) rows_.clear();
  if (names_.size() >= kept_max) names_.clear();
  for (const auto& [key, row] : changes.rows)
    if (is_kept(key.where, row.get()))
      rows_.insert_or_assign(key, known_row{row, next});
    else
      rows_.erase(key);
  for (const auto& [key, id] : changes.names) names_.insert_or_assign(key, known_name{id, next});
}

}  // namespace muster::storage
