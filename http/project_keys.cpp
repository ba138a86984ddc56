#include "http/project_keys.hpp"

#include <algorithm>

namespace muster::http {

const std::vector<config_key>& project_keys() {
  static const std::vector<config_key> all{
      {"features.images", values::flag, effect::acts},
      {"features.networks", values::flag, effect::none},
      {"features.networks.zones", values::flag, effect::none},
      {"features.profiles", values::flag, effect::acts},
      {"features.storage.buckets", values::flag, effect::none},
      {"features.storage.volumes", values::flag, effect::none},
      {"user.", values::any, effect::acts}};
  return all;
}

status check_project_config(const string_map& config) {
  for (const auto& [key, value] : config) {
    const auto at = std::find_if(project_keys().begin(), project_keys().end(), [&](const auto& k) {
      return k.name.ends_with('.') ? key.starts_with(k.name) : key == k.name;
    });
    if (at == project_keys().end())
      return fail(errc::bad_request, "Invalid project configuration key \"" + key + "\"");
    if (!value.empty() && !at->is_valid(value))
      return fail(errc::bad_request, "Invalid value for a boolean \"" + value + "\"");
  }
  return ok();
}

}  // namespace muster::http
