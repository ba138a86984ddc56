#pragma once
#include "actors/state/transaction.hpp"

#include <string_view>

namespace muster::state {

/// As new logs have it.
cluster_group default_group();
/// Of that name. Old logs have no row for "default": it is made here, without an id.
std::optional<cluster_group> find_group(const state_view& state, std::string_view name);
/// All, the default one first if it has no row.
std::vector<cluster_group> all_groups(const state_view& state);
bool is_in_group(const member& m, std::string_view group);
/// Roles users may give; the others come from the configuration of the log.
bool is_settable_role(std::string_view role);

status may_erase_group(const state_view& state, const object& row);
status may_rename_group(const state_view& state, const object& row, std::string_view name);
status may_replace_member(const state_view& state, const object& old, const object& next);
void rename_in_members(transaction& tx, std::string_view from, const std::string& to);

}  // namespace muster::state
