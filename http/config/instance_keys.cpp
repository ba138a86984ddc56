#include "http/config/instance_keys.hpp"

#include "schemas/basic/text_rules.hpp"
#include "schemas/basic/units.hpp"

#include <algorithm>

namespace muster::http {

namespace {

constexpr std::uint64_t cpus_max = 4096;
constexpr std::uint64_t some_memory = 1ULL << 40;  // any: what a percentage is of

bool is_cpu_count(std::string_view v) { return units::number(v, cpus_max).value_or(0) != 0; }
bool is_memory(std::string_view v) {
  return units::bytes_or_percent(v, some_memory).value_or(0) != 0;
}
bool is_positive(std::string_view v) { return units::number(v, 1ULL << 31).value_or(0) != 0; }
bool is_one_of(std::string_view v, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), v) != all.end();
}
bool is_shutdown(std::string_view v) {
  return is_one_of(v, {"stop", "stateful-stop", "force-stop"});
}
bool is_enforcement(std::string_view v) { return is_one_of(v, {"hard", "soft"}); }
bool is_swap(std::string_view v) { return values::is_flag(v) || values::is_size(v); }
/// "50%", or "25ms/100ms".
bool is_allowance(std::string_view v) {
  if (v.ends_with('%')) return units::number(v.substr(0, v.size() - 1), 100).value_or(0) != 0;
  const auto slash = v.find('/');
  if (slash == std::string_view::npos) return false;
  for (const auto part : {v.substr(0, slash), v.substr(slash + 1)})
    if (!part.ends_with("ms") || !units::number(part.substr(0, part.size() - 2), 1'000'000))
      return false;
  return true;
}
/// "unlimited", "N" or "SOFT:HARD".
bool is_kernel_limit(std::string_view v) {
  const auto is_limit = [](std::string_view one) {
    return one == "unlimited" || units::number(one).has_value();
  };
  const auto colon = v.find(':');
  return is_limit(v.substr(0, colon)) &&
         (colon == std::string_view::npos || is_limit(v.substr(colon + 1)));
}
bool is_evacuation(std::string_view v) {
  return is_one_of(v, {"auto", "migrate", "live-migrate", "stop", "stateful-stop", "force-stop"});
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
  const auto& all = device_keys();
  const auto of =
      std::find_if(all.begin(), all.end(), [&](const key_table& k) { return k.kind == type; });
  if (of == all.end())
    return bad("Unsupported device type \"" + type + "\": disk, nic and none are known");
  for (const auto& [key, value] : device) {
    if (key == "type" || key.starts_with("user.") || value.empty()) continue;
    const auto* known = find_key(of->keys, key);
    if (!known)
      return bad("Invalid device option \"" + key + "\"" +
                 (key == "source" ? ": only the root disk is supported yet" : ""));
    if (!known->takes.is_valid(value)) return bad(bad_value(key, value).detail);
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

using enum effect;
constexpr config_key instance_table[] = {
    {"boot.autostart", values::flag, none, "Whether it is started with the server"},
    {"boot.autostart.delay", values::seconds, none,
     "Seconds to wait after its start before the next", "0"},
    {"boot.autostart.priority", values::count, none, "Order of the starts, highest first", "0"},
    {"boot.host_shutdown_action",
     {"string", is_shutdown},
     none,
     "What is done with it when the server goes down",
     "stop"},
    {"boot.host_shutdown_timeout", values::seconds, acts, "Seconds it has to stop by itself", "30"},
    {"boot.stop.priority", values::count, none, "Order of the stops, highest first", "0"},
    {"cloud-init.", values::any, none, "Data for cloud-init"},
    {"cluster.evacuate",
     {"string", is_evacuation},
     none,
     "What an evacuation does with it",
     "auto"},
    {"environment.", values::any, start, "Environment of its processes"},
    {"image.", values::any, acts, "Properties of the image it was made from"},
    {"limits.cpu", {"string", is_cpu_count}, start, "How many CPUs it may use"},
    {"limits.cpu.allowance",
     {"string", is_allowance},
     none,
     "Share of CPU time, or time in each period",
     "100%"},
    {"limits.cpu.nodes", values::any, none, "NUMA nodes its CPUs come from"},
    {"limits.cpu.priority", values::priority, none, "Share of CPU time against others, 0 to 10",
     "10"},
    {"limits.disk.priority", values::priority, none, "Share of disk time against others, 0 to 10",
     "5"},
    {"limits.hugepages.1GB", values::size, none, "Huge pages of 1 GB"},
    {"limits.hugepages.1MB", values::size, none, "Huge pages of 1 MB"},
    {"limits.hugepages.2MB", values::size, none, "Huge pages of 2 MB"},
    {"limits.hugepages.64KB", values::size, none, "Huge pages of 64 KB"},
    {"limits.kernel.",
     {"string", is_kernel_limit},
     none,
     "Limits of processes, as setrlimit has them"},
    {"limits.memory", {"string", is_memory}, start, "Bytes of memory, or a part of the server's"},
    {"limits.memory.enforce",
     {"string", is_enforcement},
     none,
     "Whether the limit is hard",
     "hard"},
    {"limits.memory.swap", {"string", is_swap}, none, "Whether it may swap, or how much", "true"},
    {"limits.memory.swap.priority", values::priority, none, "How late it is swapped out, 0 to 10",
     "10"},
    {"limits.processes", {"integer", is_positive}, start, "How many processes it may have"},
    {"linux.kernel_modules", values::any, none, "Modules to load before its start"},
    {"linux.sysctl.", values::any, none, "Values of sysctl in it"},
    {"migration.incremental.memory", values::flag, none, "Whether its memory moves while it runs",
     "false"},
    {"migration.incremental.memory.goal", values::count, none,
     "Percent of memory in step before it stops", "70"},
    {"migration.incremental.memory.iterations", values::count, none, "Most rounds of that", "10"},
    {"migration.stateful", values::flag, none, "Whether it moves with its state", "false"},
    {"nvidia.driver.capabilities", values::any, none, "What the driver offers in it",
     "compute,utility"},
    {"nvidia.require.cuda", values::any, none, "Version of CUDA it needs"},
    {"nvidia.require.driver", values::any, none, "Version of the driver it needs"},
    {"nvidia.runtime", values::flag, none, "Whether the driver's runtime is shown in it", "false"},
    {"raw.", values::any, refused, "Configuration of what runs the instance"},
    {"security.guestapi", values::flag, none, "Whether it is shown the guest API", "true"},
    {"security.guestapi.images", values::flag, none, "Whether the guest API shows images", "false"},
    {"security.idmap.", values::any, refused, "Which ids of the host it has"},
    {"security.nesting", values::flag, none, "Whether containers may run in it", "false"},
    {"security.privileged", values::flag, start, "Whether its root is the host's", "false"},
    {"security.protection.delete", values::flag, acts, "Whether it is kept from being deleted",
     "false"},
    {"security.protection.shift", values::flag, none,
     "Whether ids of its files are kept as they are", "false"},
    {"security.syscalls.", values::any, refused, "Which system calls it may make"},
    {"snapshots.expiry", values::any, none, "When its snapshots go"},
    {"snapshots.pattern", values::any, none, "Names of its snapshots", "snap%d"},
    {"snapshots.schedule", values::any, none, "When it is snapshotted"},
    {"snapshots.schedule.stopped", values::flag, none, "Whether also when it is stopped", "false"},
    {"user.", values::any, acts, "Free keys of users"},
    {"volatile.", values::any, acts, "What the server notes of it"}};

}  // namespace

const std::vector<config_key>& instance_keys() {
  static const std::vector<config_key> all(std::begin(instance_table), std::end(instance_table));
  return all;
}

const std::vector<key_table>& device_keys() {
  using enum effect;
  static const std::vector<key_table> all{
      {"devices",
       "disk",
       {{"boot.priority", values::count, none, "Order in which virtual machines boot from disks"},
        {"initial.", values::any, none, "Configuration of the volume when it is made"},
        {"io.bus", values::any, none, "Bus of the disk in virtual machines"},
        {"io.cache", values::any, none, "How virtual machines cache it"},
        {"limits.max", values::any, none, "Rate of reads and writes"},
        {"limits.read", values::any, none, "Rate of reads"},
        {"limits.write", values::any, none, "Rate of writes"},
        {"path", {"string", is_root}, start, "Where it is mounted: / for the root disk"},
        {"pool", values::any, start, "Storage pool it lies in"},
        {"size", values::size, none, "Size of the root disk"},
        {"size.state", values::size, none,
         "Size of the volume for the state of a virtual machine"}}},
      {"devices",
       "nic",
       {{"boot.priority", values::count, none,
         "Order in which virtual machines boot from networks"},
        {"host_name", {"string", is_interface_name}, none, "Name of its other end on the server"},
        {"hwaddr", {"string", is_mac}, start, "MAC address"},
        {"limits.egress", values::any, none, "Rate of what it sends"},
        {"limits.ingress", values::any, none, "Rate of what it receives"},
        {"limits.max", values::any, none, "Rate of both"},
        {"limits.priority", values::count, none, "Priority of what it sends"},
        {"mtu", {"integer", is_positive}, none, "MTU"},
        {"name", {"string", is_interface_name}, start, "Name in the instance"},
        {"network", {"string", is_interface_name}, start, "Network it is part of"},
        {"nictype", {"string", is_nic_type}, start, "Kind of it, if no network is named"},
        {"parent", {"string", is_interface_name}, start, "Interface of the server"},
        {"queue.tx.length", values::count, none, "Length of the transmit queue"}}},
      {"devices", "none", {}},
  };
  return all;
}

status check_instance_config(const string_map& config) {
  if (auto good = text_rules::check_config(config); !good) return good;
  for (const auto& [key, value] : config) {
    const auto* known = find_key(instance_keys(), key);
    if (!known) return fail(errc::bad_request, "Unknown configuration key: " + key);
    if (value.empty()) continue;
    if (known->does == effect::refused) return not_yet(key);
    if (!known->takes.is_valid(value)) return bad_value(key, value);
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
