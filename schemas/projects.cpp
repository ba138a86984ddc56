#include "schemas/projects.hpp"

#include <algorithm>

namespace muster {

namespace {

bool has_feature(const project& p, std::string_view feature) {
  const auto on = p.config.find("features." + std::string(feature));
  return on != p.config.end() && on->second == "true";
}

}  // namespace

project_id home_of(const state_view& s, project_id of, std::string_view feature) {
  const auto p = s.row<project>({}, {of.value});
  if (!p) return {};
  if (feature.empty() || has_feature(*p, feature)) return of;
  const auto common = s.find(table::project, {}, default_project);
  return common ? project_id{common->value} : project_id{};
}

std::vector<project> users_of(const state_view& s, project_id home, std::string_view feature) {
  std::vector<project> all;
  for (auto& p : s.all<project>())
    if (home_of(s, {p.head.id.value}, feature) == home) all.push_back(std::move(p));
  return all;
}

std::string project_name(const state_view& s, project_id id) {
  const auto p = id ? s.row<project>({}, {id.value}) : std::nullopt;
  return p ? p->name : std::string{};
}

void each_user_of_profile(const state_view& s, const profile& p,
                          const std::function<void(const instance&)>& see) {
  for (const auto& user : users_of(s, p.head.project, "profiles"))
    s.each(table::instance, project_id{user.head.id.value}, [&](const object& o) {
      const auto& i = std::get<instance>(o);
      if (std::find(i.profiles.begin(), i.profiles.end(), p.name) != i.profiles.end()) see(i);
      return true;
    });
}

}  // namespace muster
