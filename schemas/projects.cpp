#include "schemas/projects.hpp"

#include "schemas/basic/units.hpp"

#include <algorithm>

namespace muster {

namespace {

bool has_feature(const project& p, std::string_view feature) {
  std::string key("features.");
  key += feature;
  return units::is_true(value_in(p.config, key));
}

}  // namespace

project_id home_of(const state_view& s, project_id of, std::string_view feature) {
  const auto row = s.get({table::project, {}, {of.value}});  // shared: every request asks
  if (!row) return {};
  if (feature.empty() || has_feature(std::get<project>(*row), feature)) return of;
  const auto common = s.find(table::project, {}, default_project);
  return common ? project_id{common->value} : project_id{};
}

std::vector<project_id> users_of(const state_view& s, project_id home, std::string_view feature) {
  std::vector<project_id> all;
  const auto common = s.find(table::project, {}, default_project);
  const bool is_common = common && home.value == common->value;
  s.each(table::project, std::nullopt, [&](const object& row) {
    const project_id id{head_of(row).id.value};
    if (id == home || (is_common && !has_feature(std::get<project>(row), feature)))
      all.push_back(id);
    return true;
  });
  return all;
}

std::string project_name(const state_view& s, project_id id) {
  const auto row = id ? s.get({table::project, {}, {id.value}}) : nullptr;
  return row ? std::get<project>(*row).name : std::string{};
}

void each_user_of_profile(const state_view& s, const profile& p,
                          const std::function<void(const instance&)>& see) {
  s.each(table::instance, std::nullopt, [&](const object& o) {
    const auto& i = std::get<instance>(o);
    if (std::find(i.profiles.begin(), i.profiles.end(), p.name) != i.profiles.end() &&
        home_of(s, i.head.project, "profiles") == p.head.project)
      see(i);
    return true;
  });
}

}  // namespace muster
