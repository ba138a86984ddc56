#include "actors/state/hot_rows.hpp"

namespace muster::state {

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

}  // namespace

const std::optional<object>* hot_rows::find(const row_key& key) const {
  const auto at = rows_.find(key);
  return at == rows_.end() ? nullptr : &at->second;
}

bool hot_rows::holds(table where, const std::optional<object>& row) {
  return where != table::event && where != table::seen_request && !(row && is_large(*row));
}

const std::optional<object>& hot_rows::keep(const row_key& key, std::optional<object> row) {
  return rows_.insert_or_assign(key, std::move(row)).first->second;
}

void hot_rows::take(const row_changes& changes) {
  if (rows_.size() > rows_max) rows_.clear();
  for (const auto& [key, row] : changes.rows)
    if (holds(key.where, row))
      rows_.insert_or_assign(key, row);
    else
      rows_.erase(key);
}

}  // namespace muster::state
