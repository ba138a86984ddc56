#pragma once
#include "actors/state/transaction.hpp"

/// What a project holds, and who names it.
namespace muster::state {

/// Kinds of objects a project holds itself, its default profile apart.
bool holds_anything(const state_view& state, project_id id);
status may_erase_project(const state_view& state, const object& row);
status may_rename_project(const state_view& state, const object& row, std::string_view name);
/// Features change only while nothing hangs on them.
status may_replace_project(const state_view& state, const object& old, const object& next);
/// A project of its own profiles has a default one, another has none.
void settle_default_profile(transaction& tx, const object* old, const object& next);
/// Certificates and tokens name their projects: a name that is free again must open nothing.
void forget_project(transaction& tx, std::string_view name);
void rename_project(transaction& tx, std::string_view old_name, const std::string& name);
/// Instances and images name their profiles, also from projects without profiles of their own.
void rename_profile(transaction& tx, const profile& renamed, std::string_view old_name);

}  // namespace muster::state
