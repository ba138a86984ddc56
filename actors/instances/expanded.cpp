#include "actors/instances/instances_actor.hpp"
#include "schemas/projects.hpp"
#include "storage/sha256.hpp"

/// What an instance is with its profiles laid under it, and with its devices on this server.
namespace muster::instances {

namespace {

/// In the instance's project, or in the default one if the project has no profiles of its own.
std::optional<profile> find_profile(const state_view& state, project_id where,
                                    const std::string& name) {
  return state.by_name<profile>(home_of(state, where, "profiles"), name);
}

std::string value_of(const string_map& device, const char* key) {
  const auto at = device.find(key);
  return at == device.end() ? std::string{} : at->second;
}

/// Type and link of a device: of its network, or as it says itself.
nic nic_on(const state_view& state, const string_map& device, member_id self) {
  nic n;
  auto kind = value_of(device, "nictype");
  n.link = value_of(device, "parent");
  if (const auto row = state.by_name<network>({}, value_of(device, "network"))) {
    kind = row->type == "bridge" ? "bridged" : row->type;
    const auto part = row->across.parts.find(self);
    n.link = row->type == "bridge"             ? row->name
             : part == row->across.parts.end() ? std::string{}
                                               : value_of(part->second.config, "parent");
  }
  if (kind == "bridged" || kind == "p2p") n.type = "veth";
  if (kind == "p2p") n.link.clear();  // its other end is the host's
  if (kind == "macvlan") n.type = "macvlan";
  if (kind == "physical") n.type = "phys";
  return n;
}

/// The same at each start: the lower half comes from the instance and the device.
std::string address_for(const std::string& seed) {
  const auto hash = sha256_hex(seed);
  return "10:66:6a:" + hash.substr(0, 2) + ":" + hash.substr(2, 2) + ":" + hash.substr(4, 2);
}

}  // namespace

string_map expanded_config(const state_view& state, const instance& row) {
  string_map all;
  for (const auto& name : row.profiles)
    if (const auto p = find_profile(state, row.head.project, name))
      for (const auto& [key, value] : p->config) all[key] = value;
  for (const auto& [key, value] : row.config) all[key] = value;
  return all;
}

device_map expanded_devices(const state_view& state, const instance& row) {
  device_map all;
  for (const auto& name : row.profiles)
    if (const auto p = find_profile(state, row.head.project, name))
      for (const auto& [key, device] : p->devices) all[key] = device;
  for (const auto& [key, device] : row.devices) all[key] = device;
  return all;
}

std::string root_pool_of(const device_map& devices) {
  for (const auto& [name, device] : devices)
    if (value_of(device, "type") == "disk" && value_of(device, "path") == "/")
      if (const auto pool = value_of(device, "pool"); !pool.empty()) return pool;
  return {};
}

std::vector<nic> nics_of(const state_view& state, const device_map& devices,
                         const std::string& seed, member_id self) {
  std::vector<nic> all;
  for (const auto& [name, device] : devices) {
    if (value_of(device, "type") != "nic") continue;
    auto n = nic_on(state, device, self);
    if (n.type.empty() || (n.link.empty() && value_of(device, "nictype") != "p2p")) continue;
    n.name = value_of(device, "name");
    if (n.name.empty()) n.name = "eth" + std::to_string(all.size());
    n.hwaddr = value_of(device, "hwaddr");
    if (n.hwaddr.empty()) n.hwaddr = address_for(seed + "/" + name);
    all.push_back(std::move(n));
  }
  return all;
}

container container_of(const state_view& state, const instance& row, const std::string& data_dir) {
  container c;
  c.data_dir = data_dir;
  c.id = row.head.id;
  if (const auto info = state.only<cluster>()) c.cluster = info->uuid;
  c.uuid = row.uuid;
  c.generation = row.generation;
  c.host_name = row.name;
  c.image = row.image_fingerprint;
  c.config = expanded_config(state, row);
  const auto devices = expanded_devices(state, row);
  if (const auto pool = root_pool_of(devices); !pool.empty()) c.pool = pool;
  c.nics = nics_of(state, devices, row.uuid, row.owner);
  return c;
}

}  // namespace muster::instances
