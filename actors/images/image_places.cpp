#include "actors/images/image_places.hpp"

#include "schemas/basic/limits.hpp"
#include "schemas/basic/units.hpp"

namespace muster::images {

namespace {

constexpr int default_replicas = 3;

}  // namespace

std::map<std::string, std::set<member_id>> holders_by_image(const state_view& s) {
  std::map<std::string, std::set<member_id>> all;
  s.each(table::image, std::nullopt, [&](const object& o) {
    const auto& row = std::get<image>(o);
    all[row.fingerprint].insert(row.locations.begin(), row.locations.end());
    return true;
  });
  return all;
}

std::optional<std::set<member_id>> holders_of(const state_view& s, const std::string& fingerprint) {
  std::optional<std::set<member_id>> all;
  s.each(table::image, std::nullopt, [&](const object& o) {
    const auto& row = std::get<image>(o);
    if (row.fingerprint != fingerprint) return true;
    if (!all) all.emplace();
    all->insert(row.locations.begin(), row.locations.end());
    return true;
  });
  return all;
}

int replicas_wanted(const state_view& s) {
  const auto text = value_in(s.only<server_config>().value_or(server_config{}).config,
                             "cluster.images_minimal_replica");
  if (text == "-1") return -1;
  return static_cast<int>(units::number(text, limits::members_max).value_or(default_replicas));
}

std::string names_of(const state_view& s, const std::vector<member_id>& members) {
  std::string names;
  for (const auto id : members)
    if (const auto m = s.row<member>({}, {id.value}))
      names += (names.empty() ? "" : ", ") + m->name;
  return names;
}

}  // namespace muster::images
