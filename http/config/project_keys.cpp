#include "http/config/project_keys.hpp"

#include "storage/images/image_writer.hpp"

namespace muster::http {

namespace {

bool is_permission(std::string_view v) { return v == "allow" || v == "block"; }
bool is_device_rule(std::string_view v) { return is_permission(v) || v == "managed"; }
bool is_interception(std::string_view v) { return is_permission(v) || v == "full"; }
bool is_privilege(std::string_view v) {
  return v == "allow" || v == "isolated" || v == "unprivileged";
}

using enum effect;
constexpr config_key project_table[] = {
    {"features.images", values::flag, acts, "Whether the project has images of its own"},
    {"features.networks", values::flag, none, "Whether the project has networks of its own",
     "false"},
    {"features.networks.zones", values::flag, none,
     "Whether the project has network zones of its own", "false"},
    {"features.profiles", values::flag, acts, "Whether the project has profiles of its own"},
    {"features.storage.buckets", values::flag, none,
     "Whether the project has storage buckets of its own"},
    {"features.storage.volumes", values::flag, none,
     "Whether the project has storage volumes of its own"},
    {"backups.compression_algorithm",
     {"string", storage::is_compression},
     none,
     "Compression of backups"},
    {"images.auto_update_cached", values::flag, none, "Whether cached images are updated"},
    {"images.auto_update_interval", values::count, none, "Hours between looks for newer images"},
    {"images.compression_algorithm",
     {"string", storage::is_compression},
     acts,
     "Compression of new images"},
    {"images.default_architecture", values::any, none, "Architecture of images when none is named"},
    {"images.remote_cache_expiry", values::count, none,
     "Days after which an unused cached image goes"},
    {"limits.containers", values::count, acts, "How many containers there may be"},
    {"limits.cpu", values::count, acts, "Sum of the CPUs of the instances"},
    {"limits.disk", values::size, acts, "Sum of the sizes of the root disks"},
    {"limits.disk.pool.", values::size, acts, "The same for one storage pool"},
    {"limits.instances", values::count, acts, "How many instances there may be"},
    {"limits.memory", values::size, acts, "Sum of the memory of the instances"},
    {"limits.networks", values::count, none, "How many networks there may be"},
    {"limits.processes", values::count, acts, "Sum of the processes of the instances"},
    {"limits.virtual-machines", values::count, none, "How many virtual machines there may be"},
    {"restricted", values::flag, acts, "Whether the restricted.* keys count", "false"},
    {"restricted.backups",
     {"string", is_permission},
     none,
     "Backups of instances and volumes",
     "block"},
    {"restricted.cluster.groups", values::any, acts, "Groups whose members may be used"},
    {"restricted.cluster.target",
     {"string", is_permission},
     acts,
     "Whether clients may name a member",
     "block"},
    {"restricted.containers.interception",
     {"string", is_interception},
     none,
     "Interception of system calls",
     "block"},
    {"restricted.containers.lowlevel",
     {"string", is_permission},
     none,
     "raw.* and other low-level keys",
     "block"},
    {"restricted.containers.nesting", {"string", is_permission}, none, "security.nesting", "block"},
    {"restricted.containers.privilege",
     {"string", is_privilege},
     acts,
     "Privileged containers",
     "unprivileged"},
    {"restricted.devices.disk", {"string", is_device_rule}, acts, "Disk devices", "managed"},
    {"restricted.devices.disk.paths", values::any, none,
     "Paths of the host that disk devices may show"},
    {"restricted.devices.gpu", {"string", is_permission}, none, "Devices of type gpu", "block"},
    {"restricted.devices.infiniband",
     {"string", is_permission},
     none,
     "Devices of type infiniband",
     "block"},
    {"restricted.devices.nic", {"string", is_device_rule}, acts, "Network devices", "managed"},
    {"restricted.devices.pci", {"string", is_permission}, none, "Devices of type pci", "block"},
    {"restricted.devices.proxy", {"string", is_permission}, none, "Devices of type proxy", "block"},
    {"restricted.devices.unix-block",
     {"string", is_permission},
     none,
     "Devices of type unix-block",
     "block"},
    {"restricted.devices.unix-char",
     {"string", is_permission},
     none,
     "Devices of type unix-char",
     "block"},
    {"restricted.devices.unix-hotplug",
     {"string", is_permission},
     none,
     "Devices of type unix-hotplug",
     "block"},
    {"restricted.devices.usb", {"string", is_permission}, none, "Devices of type usb", "block"},
    {"restricted.idmap.gid", values::any, none, "Groups of the host that raw.idmap may name"},
    {"restricted.idmap.uid", values::any, none, "Users of the host that raw.idmap may name"},
    {"restricted.networks.access", values::any, acts, "Networks that may be used"},
    {"restricted.networks.subnets", values::any, none, "Subnets of uplinks that may be used"},
    {"restricted.networks.uplinks", values::any, none, "Networks that may be uplinks"},
    {"restricted.networks.zones", values::any, none, "Zones that may be used"},
    {"restricted.snapshots",
     {"string", is_permission},
     none,
     "Snapshots of instances and volumes",
     "block"},
    {"restricted.virtual-machines.lowlevel",
     {"string", is_permission},
     none,
     "Low-level keys of virtual machines",
     "block"},
    {"user.", values::any, acts, "Free keys of users"}};

}  // namespace

const std::vector<config_key>& project_keys() {
  static const std::vector<config_key> all(std::begin(project_table), std::end(project_table));
  return all;
}

status check_project_config(const string_map& config) {
  for (const auto& [key, value] : config) {
    const auto* at = find_key(project_keys(), key);
    if (!at) return fail(errc::bad_request, "Invalid project configuration key \"" + key + "\"");
    if (!value.empty() && !at->takes.is_valid(value))
      return fail(errc::bad_request, at->takes.is_valid == values::is_flag
                                         ? "Invalid value for a boolean \"" + value + "\""
                                         : "Invalid value \"" + value + "\" for \"" + key + "\"");
  }
  return ok();
}

}  // namespace muster::http
