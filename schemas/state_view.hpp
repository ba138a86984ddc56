#pragma once
#include "schemas/records.hpp"

#include <functional>
#include <optional>

namespace muster {

/// One moment of the state. Implemented over a RocksDB snapshot, over std::map, and by apply's
/// overlay.
class state_view {
public:
  virtual ~state_view() = default;
  [[nodiscard]] virtual row_ptr get(const row_key& key) const = 0;
  /// Id of the row of `where` with this name in `project`; none if there is none.
  [[nodiscard]] virtual std::optional<object_id> find(table where, project_id project,
                                                      std::string_view name) const = 0;
  using visitor = std::function<bool(const object&)>;
  /// Rows of one table (of one project, or of all in project order) by id; stops when `see` returns
  /// false.
  virtual void each(table where, std::optional<project_id> project, const visitor& see) const = 0;
  /// Entry after which the state is as shown.
  [[nodiscard]] virtual log_index applied() const = 0;

  // Typed forms of the above.
  template <class T>
  [[nodiscard]] std::optional<T> row(project_id project, object_id id) const {
    const auto found = get({T::where, project, id});
    if (!found) return std::nullopt;
    return std::get<T>(*found);
  }
  template <class T>
  [[nodiscard]] std::optional<T> by_name(project_id project, std::string_view name) const {
    auto id = find(T::where, project, name);
    if (!id) return std::nullopt;
    return row<T>(project, *id);
  }
  template <class T>
  [[nodiscard]] std::vector<T> all(std::optional<project_id> project = std::nullopt) const {
    std::vector<T> rows;
    each(T::where, project, [&](const object& o) {
      rows.push_back(std::get<T>(o));
      return true;
    });
    return rows;
  }
  /// The one row of counters, cluster, server_config.
  template <class T>
  [[nodiscard]] std::optional<T> only() const {
    return row<T>({}, object_id{1});
  }
};

}  // namespace muster
