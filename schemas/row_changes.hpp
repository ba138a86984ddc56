#pragma once
#include "schemas/records.hpp"

#include <map>
#include <optional>
#include <string>

namespace muster {

struct name_key {
  table where = table::counters;
  project_id project;
  std::string name;
  auto operator<=>(const name_key&) const = default;
};

/// What a group of entries did to the state. Null, and an empty optional, remove.
struct row_changes {
  std::map<row_key, row_ptr> rows;
  std::map<name_key, std::optional<object_id>> names;
};

inline bool touches(const row_changes& changes, table where) {
  const auto first = changes.rows.lower_bound({where, {}, {}});
  return first != changes.rows.end() && first->first.where == where;
}

}  // namespace muster
