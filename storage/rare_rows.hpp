#pragma once
#include "schemas/row_changes.hpp"

#include <mutex>
#include <string_view>

namespace muster::storage {

/// Rows and names of tables for which `changes_seldom`, as one moment of the state has them. Views
/// fill it; a change to such a table begins a new one. Thread-safe.
class rare_rows {
public:
  static bool are_touched(const row_changes& changes);

  /// What is known; an empty outer optional: nothing.
  [[nodiscard]] std::optional<std::optional<object>> find(const row_key& key) const;
  [[nodiscard]] std::optional<std::optional<object_id>> find(const name_key& key) const;
  void keep(const row_key& key, const std::optional<object>& row);
  void keep(const name_key& key, std::optional<object_id> id);

private:
  static constexpr std::size_t kept_max = 2048;
  mutable std::mutex lock_;
  std::map<row_key, std::optional<object>> rows_;
  std::map<name_key, std::optional<object_id>> names_;
};

}  // namespace muster::storage
