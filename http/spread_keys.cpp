#include "http/spread_keys.hpp"

#include "actors/keeper/networks/addresses.hpp"
#include "actors/keeper/pools/pool_places.hpp"
#include "schemas/limits.hpp"

#include <algorithm>

namespace muster::http {

const spread_noun pool_noun{
    table::storage_pool, "/1.0/storage-pools", "storage pool", "Storage pool", "Pool",
    errc::refused};
const spread_noun network_noun{table::network, "/1.0/networks", "network",
                               "Network",      "Network",       errc::bad_request};

namespace {

using check = bool (*)(const std::string&);

bool is_any(const std::string&) { return true; }
bool is_flag(const std::string& v) {
  return v == "true" || v == "false" || v == "1" || v == "0" || v == "yes" || v == "no";
}
bool is_number(const std::string& v) {
  return !v.empty() && v.size() < 10 && v.find_first_not_of("0123456789") == std::string::npos;
}
bool is_size(const std::string& v) { return keeper::size_bytes_of(v) != 0; }
bool is_plain(const std::string& v) {
  return v.size() <= 64 && v.find_first_of(" \t\r\n/'\";{}") == std::string::npos &&
         !v.starts_with('-');
}
bool is_address(const std::string& v) {
  return v == "auto" || v == "none" || keeper::parse_subnet(v);
}
bool is_address6(const std::string& v) {
  return v == "auto" || v == "none" ||
         (v.find(':') != std::string::npos && v.find('/') != std::string::npos &&
          is_plain(v.substr(0, v.find('/'))) && is_number(v.substr(v.find('/') + 1)));
}
bool is_list(const std::string& v) {
  return v.size() <= 256 &&
         v.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:, ") ==
             std::string::npos;
}
bool is_path(const std::string& v) { return v.starts_with('/'); }

using table_of_keys = std::map<std::string, check>;

const table_of_keys* keys_of(const std::string& kind) {
  static const std::map<std::string, table_of_keys> all{
      {"dir", {{"source", is_path}, {"rsync.bwlimit", is_any}, {"rsync.compression", is_flag}}},
      {"btrfs", {{"source", is_path}, {"source.wipe", is_flag}, {"size", is_size}}},
      {"bridge",
       {{"ipv4.address", is_address},
        {"ipv4.nat", is_flag},
        {"ipv4.dhcp", is_flag},
        {"ipv4.dhcp.ranges", is_list},
        {"ipv4.dhcp.expiry", is_plain},
        {"ipv6.address", is_address6},
        {"ipv6.nat", is_flag},
        {"bridge.mtu", is_number},
        {"bridge.hwaddr", is_list},
        {"bridge.external_interfaces", is_list},
        {"dns.domain", is_plain}}},
      {"physical", {{"parent", is_plain}}},
      {"macvlan", {{"parent", is_plain}}}};
  const auto at = all.find(kind);
  return at == all.end() ? nullptr : &at->second;
}

bool is_pool_kind(const std::string& kind) { return kind == "dir" || kind == "btrfs"; }

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

status check_kind(const spread_noun& n, const std::string& kind) {
  const bool is_pool = n.where == table::storage_pool;
  if (kind.empty())
    return fail(errc::bad_request, is_pool ? "No driver provided" : "No network type provided");
  if (keys_of(kind) && is_pool == is_pool_kind(kind)) return ok();
  return fail(
      errc::bad_request,
      is_pool ? "Storage driver \"" + kind + "\" is not supported: use dir or btrfs"
              : "Network type \"" + kind + "\" is not supported: use bridge, physical or macvlan");
}

status check_keys(const spread_noun& n, const std::string& kind, const std::string& name,
                  const string_map& config) {
  const auto& known = *keys_of(kind);
  for (const auto& [key, value] : config) {
    const auto most = is_member_key(n.where, key) ? limits::member_value_bytes_max
                                                  : limits::config_value_bytes_max;
    if (value.size() > most) return fail(errc::bad_request, "The value of " + key + " is too long");
    if (key.starts_with("user.") || key.starts_with("volatile.")) continue;
    const auto at = known.find(key);
    if (at == known.end())
      return fail(errc::bad_request, "Invalid option for " + std::string(n.noun) + " \"" + name +
                                         "\" option \"" + key + "\"");
    if (!value.empty() && !at->second(value))
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
