#include "http/config/project_keys.hpp"

#include <algorithm>

namespace muster::http {

namespace {

bool is_permission(std::string_view v) { return v == "allow" || v == "block"; }
bool is_device_rule(std::string_view v) { return is_permission(v) || v == "managed"; }
bool is_privilege(std::string_view v) {
  return v == "allow" || v == "isolated" || v == "unprivileged";
}

}  // namespace

const std::vector<config_key>& project_keys() {
  using enum effect;
  static const std::vector<config_key> all{{"features.images", values::flag, acts},
                                           {"features.networks", values::flag, none},
                                           {"features.networks.zones", values::flag, none},
                                           {"features.profiles", values::flag, acts},
                                           {"features.storage.buckets", values::flag, none},
                                           {"features.storage.volumes", values::flag, none},
                                           {"limits.containers", values::count, acts},
                                           {"limits.cpu", values::count, acts},
                                           {"limits.disk", values::size, acts},
                                           {"limits.disk.pool.", values::size, acts},
                                           {"limits.instances", values::count, acts},
                                           {"limits.memory", values::size, acts},
                                           {"limits.networks", values::count, none},
                                           {"limits.processes", values::count, acts},
                                           {"limits.virtual-machines", values::count, none},
                                           {"restricted", values::flag, acts},
                                           {"restricted.cluster.groups", values::any, acts},
                                           {"restricted.cluster.target", is_permission, acts},
                                           {"restricted.containers.lowlevel", is_permission, none},
                                           {"restricted.containers.nesting", is_permission, none},
                                           {"restricted.containers.privilege", is_privilege, acts},
                                           {"restricted.devices.disk", is_device_rule, acts},
                                           {"restricted.devices.gpu", is_permission, none},
                                           {"restricted.devices.nic", is_device_rule, acts},
                                           {"restricted.devices.proxy", is_permission, none},
                                           {"restricted.devices.unix-block", is_permission, none},
                                           {"restricted.devices.unix-char", is_permission, none},
                                           {"restricted.devices.usb", is_permission, none},
                                           {"restricted.networks.access", values::any, acts},
                                           {"restricted.snapshots", is_permission, none},
                                           {"restricted.backups", is_permission, none},
                                           {"user.", values::any, acts}};
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
      return fail(errc::bad_request, at->is_valid == values::flag
                                         ? "Invalid value for a boolean \"" + value + "\""
                                         : "Invalid value \"" + value + "\" for \"" + key + "\"");
  }
  return ok();
}

}  // namespace muster::http
