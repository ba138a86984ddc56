#include "http/config/instance_keys.hpp"

#include "schemas/basic/text_rules.hpp"
#include "schemas/basic/units.hpp"

#include <algorithm>

namespace muster::http {

namespace {

constexpr std::uint64_t cpus_max = 4096;
constexpr std::uint64_t seconds_max = 100'000'000;
constexpr std::uint64_t some_memory = 1ULL << 40;  // any: what a percentage is of

bool is_cpu_count(std::string_view v) { return units::number(v, cpus_max).value_or(0) != 0; }
bool is_memory(std::string_view v) {
  return units::bytes_or_percent(v, some_memory).value_or(0) != 0;
}
bool is_positive(std::string_view v) { return units::number(v, 1ULL << 31).value_or(0) != 0; }
bool is_seconds(std::string_view v) { return units::number(v, seconds_max).has_value(); }
bool is_evacuation(std::string_view v) {
  for (const char* mode :
       {"auto", "migrate", "live-migrate", "stop", "stateful-stop", "force-stop"})
    if (v == mode) return true;
  return false;
}

bool is_interface_name(std::string_view v) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !v.empty() && v.size() <= 15 && v != "." && v != ".." &&
         std::all_of(v.begin(), v.end(), fits);
}
bool is_mac(std::string_view v) {
  if (v.size() != 17) return false;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const char c = v[i];
    const bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (i % 3 == 2 ? c != ':' : !is_hex) return false;
  }
  return true;
}
bool is_nic_type(std::string_view v) {
  return v == "bridged" || v == "macvlan" || v == "physical" || v == "p2p";
}
bool is_root(std::string_view v) { return v == "/"; }

failure bad_value(const std::string& key, const std::string& value) {
  return fail(errc::bad_request,
              "Invalid value for \"" + key + "\": \"" + value.substr(0, 100) + "\"" +
                  (key == "limits.cpu" ? " (a number of CPUs; sets are not supported yet)" : ""));
}

status check_device(const std::string& name, const string_map& device) {
  const auto type = value_in(device, "type");
  const auto bad = [&](const std::string& why) {
    return fail(errc::bad_request,
                "Invalid devices: Device validation failed for \"" + name + "\": " + why);
  };
  if (type.empty()) return bad("Missing device type");
  const auto is_of_type = [&](const device_key& k) { return k.type == type; };
  const auto& all = device_keys();
  if (std::none_of(all.begin(), all.end(), is_of_type))
    return bad("Unsupported device type \"" + type + "\": disk, nic and none are known");
  for (const auto& [key, value] : device) {
    if (key == "type" || key.starts_with("user.") || value.empty()) continue;
    const auto known = std::find_if(all.begin(), all.end(), [&](const device_key& k) {
      return is_of_type(k) && k.name == key;
    });
    if (known == all.end())
      return bad("Invalid device option \"" + key + "\"" +
                 (key == "source" ? ": only the root disk is supported yet" : ""));
    if (!known->is_valid(value)) return bad(bad_value(key, value).detail);
  }
  const auto network = value_in(device, "network");
  const auto kind = value_in(device, "nictype");
  if (type == "disk" && (value_in(device, "path").empty() || value_in(device, "pool").empty()))
    return bad("Root disk entry must have a \"pool\" and \"path\" set to \"/\"");
  if (type == "nic" && network.empty() == kind.empty())
    return bad("one of \"network\" and \"nictype\" is needed");
  if (type == "nic" && !kind.empty() && kind != "p2p" && value_in(device, "parent").empty())
    return bad("\"parent\" is needed");
  return ok();
}

}  // namespace

const std::vector<config_key>& instance_keys() {
  using enum effect;
  static const std::vector<config_key> all{
      {"boot.autostart", values::flag, none},
      {"boot.autostart.delay", is_seconds, none},
      {"boot.autostart.priority", values::count, none},
      {"boot.host_shutdown_timeout", is_seconds, acts},
      {"boot.stop.priority", values::count, none},
      {"cloud-init.", values::any, none},
      {"cluster.evacuate", is_evacuation, none},
      {"environment.", values::any, start},
      {"image.", values::any, acts},
      {"limits.cpu", is_cpu_count, start},
      {"limits.memory", is_memory, start},
      {"limits.processes", is_positive, start},
      {"security.privileged", values::flag, start},
      {"security.protection.delete", values::flag, acts},
      {"snapshots.expiry", values::any, none},
      {"snapshots.pattern", values::any, none},
      {"snapshots.schedule", values::any, none},
      {"snapshots.schedule.stopped", values::flag, none},
      {"user.", values::any, acts},
      {"volatile.", values::any, acts},
  };
  return all;
}

const std::vector<device_key>& device_keys() {
  using enum effect;
  static const std::vector<device_key> all{
      {"disk", "path", is_root, start},
      {"disk", "pool", values::any, start},
      {"disk", "size", values::size, none},
      {"nic", "hwaddr", is_mac, start},
      {"nic", "mtu", is_positive, none},
      {"nic", "name", is_interface_name, start},
      {"nic", "network", is_interface_name, start},
      {"nic", "nictype", is_nic_type, start},
      {"nic", "parent", is_interface_name, start},
      {"none", "", values::any, acts},
  };
  return all;
}

status check_instance_config(const string_map& config) {
  if (auto good = text_rules::check_config(config); !good) return good;
  const auto& all = instance_keys();
  for (const auto& [key, value] : config) {
    const auto known = std::find_if(all.begin(), all.end(), [&](const config_key& k) {
      return k.name == key || (k.name.ends_with('.') && key.starts_with(k.name));
    });
    if (known == all.end()) return fail(errc::bad_request, "Unknown configuration key: " + key);
    if (!value.empty() && !known->is_valid(value)) return bad_value(key, value);
  }
  return ok();
}

status check_places(const state_view& s, const device_map& devices) {
  for (const auto& [name, device] : devices) {
    const auto missing = [&](const char* what, const std::string& which) {
      return fail(errc::bad_request, "Invalid devices: Device validation failed for \"" + name +
                                         "\": Failed loading " + what + " \"" + which +
                                         "\": " + (what[0] == 'n' ? "Network" : "Storage pool") +
                                         " not found");
    };
    if (const auto pool = value_in(device, "pool"); !pool.empty())
      if (const auto row = s.by_name<storage_pool>({}, pool); !row || row->across.is_pending)
        return missing("storage pool", pool);
    if (const auto which = value_in(device, "network"); !which.empty())
      if (const auto row = s.by_name<network>({}, which); !row || row->across.is_pending)
        return missing("network", which);
  }
  return ok();
}

status check_devices(const device_map& devices) {
  if (auto good = text_rules::check_devices(devices); !good) return good;
  for (const auto& [name, device] : devices)
    if (auto good = check_device(name, device); !good) return good;
  return ok();
}

}  // namespace muster::http
