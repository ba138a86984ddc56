#include "storage/rows/map_view.hpp"

namespace muster::storage {

row_ptr map_view::get(const row_key& key) const {
  const auto row = rows_.find(key);
  return row == rows_.end() ? nullptr : std::make_shared<const object>(row->second);
}

std::optional<object_id> map_view::find(table where, project_id project,
                                        std::string_view name) const {
  const auto id = names_.find({where, project, std::string(name)});
  if (id == names_.end()) return std::nullopt;
  return id->second;
}

void map_view::each(table where, std::optional<project_id> project, const visitor& see) const {
  for (auto row = rows_.lower_bound({where, project.value_or(project_id{}), {}});
       row != rows_.end() && row->first.where == where &&
       (!project || row->first.project == *project);
       ++row)
    if (!see(row->second)) return;
}

void map_view::write(const row_changes& changes, log_index applied) {
  for (const auto& [key, row] : changes.rows) {
    if (row)
      rows_.insert_or_assign(key, *row);
    else
      rows_.erase(key);
  }
  for (const auto& [key, id] : changes.names) {
    if (id)
      names_.insert_or_assign(key, *id);
    else
      names_.erase(key);
  }
  applied_ = applied;
}

}  // namespace muster::storage
