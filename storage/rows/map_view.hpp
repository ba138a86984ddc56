#pragma once
#include "schemas/row_changes.hpp"
#include "schemas/state_view.hpp"

#include <map>

namespace muster::storage {

/// The state in ordered maps: what the simulator runs apply on. Agrees with state_store
/// (tests/unit).
class map_view final : public state_view {
public:
  row_ptr get(const row_key& key) const override;
  std::optional<object_id> find(table where, project_id project,
                                std::string_view name) const override;
  void each(table where, std::optional<project_id> project, const visitor& see) const override;
  log_index applied() const override { return applied_; }

  void write(const row_changes& changes, log_index applied);
  [[nodiscard]] const std::map<row_key, object>& rows() const { return rows_; }
  bool operator==(const map_view&) const = default;

private:
  std::map<row_key, object> rows_;
  std::map<name_key, object_id> names_;
  log_index applied_;
};

}  // namespace muster::storage
