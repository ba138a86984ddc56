#include "http/config/spread_keys.hpp"

#include "actors/keeper/networks/addresses.hpp"
#include "http/config/keys.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/units.hpp"

#include <algorithm>

namespace muster::http {

const spread_noun pool_noun{
    table::storage_pool, "/1.0/storage-pools", "storage pool", "Storage pool", "Pool",
    errc::refused};
const spread_noun network_noun{table::network, "/1.0/networks", "network",
                               "Network",      "Network",       errc::bad_request};

namespace {

bool is_number(std::string_view v) { return units::number(v, INT32_MAX).has_value(); }
bool is_positive_size(std::string_view v) { return units::bytes(v).value_or(0) != 0; }
bool is_plain(std::string_view v) {
  return v.size() <= 64 && v.find_first_of(" \t\r\n/'\";{}") == std::string::npos &&
         !v.starts_with('-');
}
bool is_address(std::string_view v) {
  return v == "auto" || v == "none" || keeper::parse_subnet(std::string(v));
}
bool is_address6(std::string_view v) {
  return v == "auto" || v == "none" ||
         (v.find(':') != std::string::npos && v.find('/') != std::string::npos &&
          is_plain(v.substr(0, v.find('/'))) && is_number(v.substr(v.find('/') + 1)));
}
bool is_list(std::string_view v) {
  return v.size() <= 256 &&
         v.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:, ") ==
             std::string::npos;
}
bool is_path(std::string_view v) { return v.starts_with('/'); }

const key_table* keys_of(const spread_noun& n, std::string_view kind) {
  const auto of = (n.where == table::storage_pool ? "storage-" : "network-") + std::string(kind);
  const auto at = std::find_if(spread_keys().begin(), spread_keys().end(),
                               [&](const key_table& k) { return k.of == of; });
  return at == spread_keys().end() ? nullptr : &*at;
}

bool overlaps(const keeper::subnet& a, const keeper::subnet& b) {
  const auto mask = a.mask() & b.mask();
  return (a.address & mask) == (b.address & mask);
}

/// A subnet that no network of the cluster has.
std::string free_subnet(const state_view& state, const std::function<std::uint64_t()>& chance) {
  for (;;) {
    const auto n = chance();
    const keeper::subnet net{10U << 24 | static_cast<unsigned>(n & 0xffff) << 8 | 1, 24};
    bool is_taken = false;
    for (const auto& row : state.all<network>())
      if (const auto at = row.config.find("ipv4.address"); at != row.config.end())
        if (const auto other = keeper::parse_subnet(at->second))
          is_taken = is_taken || overlaps(net, *other);
    if (!is_taken) return keeper::dotted(net.address) + "/24";
  }
}

}  // namespace

const std::vector<key_table>& spread_keys() {
  using enum effect;
  static const std::vector<key_table> all{
      {"storage-dir",
       "common",
       {{"source", {"string", is_path}, acts, "Folder of the server that holds the pool"},
        {"rsync.bwlimit", values::any, none, "Rate of copies between servers"},
        {"rsync.compression", values::flag, none, "Whether they are compressed", "true"}}},
      {"storage-btrfs",
       "common",
       {{"source", {"string", is_path}, acts, "Device, folder or file that holds the pool"},
        {"source.wipe", values::flag, acts, "Whether what lies there is wiped first", "false"},
        {"size", {"string", is_positive_size}, acts, "Size of the file that holds the pool"}}},
      {"network-bridge",
       "common",
       {{"ipv4.address", {"string", is_address}, acts, "Address and bits, auto or none", "auto"},
        {"ipv4.nat", values::flag, acts, "Whether the subnet is translated", "true"},
        {"ipv4.dhcp", values::flag, acts, "Whether addresses are given out", "true"},
        {"ipv4.dhcp.ranges", {"string", is_list}, acts, "Ranges they are given out of"},
        {"ipv4.dhcp.expiry", {"string", is_plain}, acts, "How long they are lent", "1h"},
        {"ipv6.address", {"string", is_address6}, acts, "Address and bits, or none", "none"},
        {"ipv6.nat", values::flag, none, "Whether the subnet is translated", "false"},
        {"bridge.mtu", {"integer", is_number}, acts, "MTU", "1500"},
        {"bridge.hwaddr", {"string", is_list}, acts, "MAC address"},
        {"bridge.external_interfaces", {"string", is_list}, acts, "Interfaces that are part of it"},
        {"dns.domain", {"string", is_plain}, acts, "Domain of its instances", "incus"}}},
      {"network-physical",
       "common",
       {{"parent", {"string", is_plain}, acts, "Interface of the server"}}},
      {"network-macvlan",
       "common",
       {{"parent", {"string", is_plain}, acts, "Interface of the server"}}}};
  return all;
}

status check_kind(const spread_noun& n, const std::string& kind) {
  const bool is_pool = n.where == table::storage_pool;
  if (kind.empty())
    return fail(errc::bad_request, is_pool ? "No driver provided" : "No network type provided");
  if (keys_of(n, kind)) return ok();
  return fail(
      errc::bad_request,
      is_pool ? "Storage driver \"" + kind + "\" is not supported: use dir or btrfs"
              : "Network type \"" + kind + "\" is not supported: use bridge, physical or macvlan");
}

status check_keys(const spread_noun& n, const std::string& kind, const std::string& name,
                  const string_map& config) {
  for (const auto& [key, value] : config) {
    const auto most = is_member_key(n.where, key) ? limits::member_value_bytes_max
                                                  : limits::config_value_bytes_max;
    if (value.size() > most) return fail(errc::bad_request, "The value of " + key + " is too long");
    if (key.starts_with("user.") || key.starts_with("volatile.")) continue;
    const auto* of = keys_of(n, kind);
    const auto* at = of ? find_key(of->keys, key) : nullptr;
    if (!at)
      return fail(errc::bad_request, "Invalid option for " + std::string(n.noun) + " \"" + name +
                                         "\" option \"" + key + "\"");
    if (!value.empty() && !at->takes.is_valid(value))
      return fail(errc::bad_request, "Invalid value for " + std::string(n.noun) + " \"" + name +
                                         "\" option \"" + key + "\": \"" + value + "\"");
  }
  return ok();
}

void fill_defaults(const state_view& state, const std::string& kind, string_map& config,
                   const std::function<std::uint64_t()>& chance) {
  if (kind != "bridge") return;
  auto& v4 = config["ipv4.address"];
  if (v4.empty() || v4 == "auto") {
    v4 = free_subnet(state, chance);
    config.try_emplace("ipv4.nat", "true");
  }
  auto& v6 = config["ipv6.address"];
  if (v6.empty() || v6 == "auto") v6 = "none";
}

}  // namespace muster::http
