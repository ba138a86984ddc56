#include "actors/state/rules/projects.hpp"

#include "schemas/basic/units.hpp"
#include "schemas/projects.hpp"

#include <algorithm>
#include <array>

namespace muster::state {

namespace {

constexpr std::string_view feature_keys = "features.";

std::string feature(const project& p, const std::string& key) {
  const auto at = p.config.find(key);
  return at != p.config.end() && units::is_true(at->second) ? "true" : "false";
}

/// Features whose value differs.
std::vector<std::string> changed_features(const project& old, const project& next) {
  std::vector<std::string> keys;
  for (const auto* from : {&old, &next})
    for (const auto& [key, value] : from->config)
      if (key.starts_with(feature_keys) && feature(old, key) != feature(next, key) &&
          std::find(keys.begin(), keys.end(), key) == keys.end())
        keys.push_back(key);
  return keys;
}

/// Changes the list of projects of every row that has one.
template <class Row>
void change_lists(transaction& tx, const std::function<bool(std::vector<std::string>&)>& how) {
  for (auto row : tx.all<Row>())
    if (how(row.projects)) tx.put(row);
}

void change_all_lists(transaction& tx, const std::function<bool(std::vector<std::string>&)>& how) {
  change_lists<certificate>(tx, how);
  change_lists<token>(tx, how);
}

}  // namespace

bool holds_anything(const state_view& state, project_id id) {
  bool found = false;
  for (const auto where : {table::instance, table::image, table::image_alias, table::profile}) {
    state.each(where, id, [&](const object& o) {
      found = where != table::profile || name_of(o) != default_project;
      return !found;
    });
    if (found) return true;
  }
  return false;
}

status may_erase_project(const state_view& state, const object& row) {
  if (name_of(row) == default_project)
    return fail(errc::forbidden, "The 'default' project cannot be deleted");
  if (holds_anything(state, {head_of(row).id.value}))
    return fail(errc::bad_request, "Only empty projects can be removed");
  return ok();
}

status may_rename_project(const state_view& state, const object& row, std::string_view) {
  if (name_of(row) == default_project)
    return fail(errc::forbidden, "The 'default' project cannot be renamed");
  if (holds_anything(state, {head_of(row).id.value}))
    return fail(errc::bad_request, "Only empty projects can be renamed");
  return ok();
}

status may_replace_project(const state_view& state, const object& old, const object& next) {
  const auto& before = std::get<project>(old);
  const auto keys = changed_features(before, std::get<project>(next));
  if (keys.empty()) return ok();
  if (before.name == default_project)
    return fail(errc::bad_request, "You can't change the features of the default project");
  constexpr std::array any_time{"features.networks.zones", "features.storage.buckets"};
  for (const auto& key : keys) {
    if (!holds_anything(state, {before.head.id.value})) break;
    const bool was_on = feature(before, key) == "true";
    if (!was_on && std::find(any_time.begin(), any_time.end(), key) != any_time.end()) continue;
    return fail(errc::bad_request, "Project feature \"" + key + "\" cannot be " +
                                       (was_on ? "disabled" : "enabled") +
                                       " on non-empty projects");
  }
  return ok();
}

void settle_default_profile(transaction& tx, const object* old, const object& next) {
  const auto& row = std::get<project>(next);
  const project_id id{row.head.id.value};
  const bool is_wanted = feature(row, "features.profiles") == "true";
  if (old && is_wanted == (feature(std::get<project>(*old), "features.profiles") == "true")) return;
  const auto there = tx.find(table::profile, id, default_project);
  if (is_wanted && !there) {
    profile p;
    p.head.id = tx.next_object();
    p.head.project = id;
    p.name = default_project;
    p.description = "Default Incus profile for project " + row.name;
    tx.put(p);
  }
  if (!is_wanted && there) tx.erase({table::profile, id, *there});
}

void forget_project(transaction& tx, std::string_view name) {
  change_all_lists(tx, [&](auto& projects) { return std::erase(projects, name) != 0; });
}

void rename_project(transaction& tx, std::string_view old_name, const std::string& name) {
  change_all_lists(tx, [&](auto& projects) {
    const auto at = std::find(projects.begin(), projects.end(), old_name);
    if (at == projects.end()) return false;
    *at = name;
    return true;
  });
}

void rename_profile(transaction& tx, const profile& renamed, std::string_view old_name) {
  const auto change = [&](auto row) {
    const auto at = std::find(row.profiles.begin(), row.profiles.end(), old_name);
    if (at == row.profiles.end()) return;
    *at = renamed.name;
    tx.put(row);
  };
  for (const auto id : users_of(tx, renamed.head.project, "profiles")) {
    for (const auto& i : tx.all<instance>(id)) change(i);
    for (const auto& i : tx.all<image>(id)) change(i);
  }
}

}  // namespace muster::state
