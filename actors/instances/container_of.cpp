#include "actors/instances/instances_actor.hpp"
#include "schemas/expanded.hpp"
#include "storage/disk/sha256.hpp"

/// What an instance is with its devices on this server.
namespace muster::instances {

namespace {

/// Type and link of a device: of its network, or as it says itself.
nic nic_on(const state_view& state, const string_map& device, member_id self) {
  nic n;
  auto kind = value_in(device, "nictype");
  n.link = value_in(device, "parent");
  if (const auto row = state.by_name<network>({}, value_in(device, "network"))) {
    kind = row->type == "bridge" ? "bridged" : row->type;
    const auto part = row->across.parts.find(self);
    n.link = row->type == "bridge"             ? row->name
             : part == row->across.parts.end() ? std::string{}
                                               : value_in(part->second.config, "parent");
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

std::vector<nic> nics_of(const state_view& state, const device_map& devices,
                         const std::string& seed, member_id self) {
  std::vector<nic> all;
  for (const auto& [name, device] : devices) {
    if (value_in(device, "type") != "nic") continue;
    auto n = nic_on(state, device, self);
    if (n.type.empty() || (n.link.empty() && value_in(device, "nictype") != "p2p")) continue;
    n.name = value_in(device, "name");
    if (n.name.empty()) n.name = "eth" + std::to_string(all.size());
    n.hwaddr = value_in(device, "hwaddr");
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
  auto all = expand(state, row);
  const auto& devices = all.devices;
  c.config = std::move(all.config);
  if (const auto pool = root_pool_of(devices); !pool.empty()) c.pool = pool;
  c.nics = nics_of(state, devices, row.uuid, row.owner);
  return c;
}

}  // namespace muster::instances
