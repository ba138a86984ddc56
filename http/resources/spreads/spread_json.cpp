#include "http/resources/spreads/spread_json.hpp"

#include "actors/state/commands/lifecycle.hpp"
#include "http/message/json_writer.hpp"
#include "http/resources/spreads/spread_wishes.hpp"
#include "schemas/projects.hpp"

#include <algorithm>

namespace muster::http::spread_json {

namespace {

/// Profiles and instances with a device that names the row.
std::vector<std::string> users_of(const state_view& s, const char* key, std::string_view name) {
  std::vector<std::string> urls;
  const auto uses = [&](const device_map& devices) {
    return std::any_of(devices.begin(), devices.end(), [&](const auto& device) {
      const auto at = device.second.find(key);
      return at != device.second.end() && at->second == name;
    });
  };
  for (const auto& i : s.all<instance>())
    if (uses(i.devices)) urls.push_back(state::path_of(s, i));
  for (const auto& p : s.all<profile>())
    if (uses(p.devices)) urls.push_back(state::path_of(s, p));
  return urls;
}

std::vector<std::string> locations_of(const state_view& s, const spread& across) {
  if (!is_clustered(s)) return {"none"};
  std::vector<std::string> names;
  for (const auto& m : s.all<member>())
    if (across.version == 0 ? !across.is_pending || across.parts.contains(m.id())
                            : across.parts.contains(m.id()))
      names.push_back(m.name);
  return names;
}

}  // namespace

std::string writable(const object& row, const string_map& config) {
  const auto* p = std::get_if<storage_pool>(&row);
  json_writer w;
  w.begin_object().field("config", config);
  w.field("description", p ? p->description : std::get<network>(row).description);
  return w.end_object().take();
}

std::string status_of(const object& row, std::optional<member_id> of) {
  const auto& across = *spread_of(row);
  if (across.is_pending) return "Pending";
  if (of) {
    const auto at = across.parts.find(*of);
    if (across.version == 0 || at == across.parts.end()) return "Created";
    if (at->second.state == part_state::errored) return "Errored";
    return at->second.version == 0 ? "Pending" : "Created";
  }
  for (const auto& [id, p] : across.parts)
    if (p.state == part_state::errored) return "Errored";
  return "Created";
}

std::string whole(const state_view& s, const object& row, std::optional<member_id> of,
                  const string_map& config, const user_filter& shown) {
  const auto* p = std::get_if<storage_pool>(&row);
  const auto* n = std::get_if<network>(&row);
  json_writer w;
  w.begin_object().field("config", config);
  w.field("description", p ? p->description : n->description);
  w.field("name", name_of(row)).field(p ? "driver" : "type", kind_of(row));
  w.field("used_by", shown(users_of(s, p ? "pool" : "network", name_of(row))));
  if (n) w.field("managed", true);
  w.field("status", status_of(row, of)).field("locations", locations_of(s, *spread_of(row)));
  if (n) w.field("project", default_project);
  return w.end_object().take();
}

std::string unmanaged(const std::string& name, const std::string& type) {
  json_writer w;
  w.begin_object().field("config", string_map{}).field("description", "").field("name", name);
  w.field("type", type);
  w.key("used_by").begin_array().end_array().field("managed", false).field("status", "");
  return w.key("locations").null().field("project", default_project).end_object().take();
}

}  // namespace muster::http::spread_json
