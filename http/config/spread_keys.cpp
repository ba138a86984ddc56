#include "http/config/spread_keys.hpp"

#include "actors/keeper/networks/addresses.hpp"
#include "http/config/effect.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/units.hpp"

#include <algorithm>
#include <array>

namespace muster::http {

const spread_noun pool_noun{
    table::storage_pool, "/1.0/storage-pools", "storage pool", "Storage pool", "Pool",
    errc::refused};
const spread_noun network_noun{table::network, "/1.0/networks", "network",
                               "Network",      "Network",       errc::bad_request};

namespace {

using value_check = bool (*)(const std::string&);

bool is_any(const std::string&) { return true; }
bool is_flag(const std::string& v) { return units::flag(v).has_value(); }
bool is_number(const std::string& v) { return units::number(v, INT32_MAX).has_value(); }
bool is_size(const std::string& v) { return units::bytes(v).value_or(0) != 0; }
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

struct spread_key {
  std::string_view kind;
  std::string_view name;
  value_check is_valid;
  effect does = effect::acts;
};

constexpr std::array spread_keys{spread_key{"dir", "source", is_path},
                                 spread_key{"dir", "rsync.bwlimit", is_any, effect::none},
                                 spread_key{"dir", "rsync.compression", is_flag, effect::none},
                                 spread_key{"btrfs", "source", is_path},
                                 spread_key{"btrfs", "source.wipe", is_flag},
                                 spread_key{"btrfs", "size", is_size},
                                 spread_key{"bridge", "ipv4.address", is_address},
                                 spread_key{"bridge", "ipv4.nat", is_flag},
                                 spread_key{"bridge", "ipv4.dhcp", is_flag},
                                 spread_key{"bridge", "ipv4.dhcp.ranges", is_list},
                                 spread_key{"bridge", "ipv4.dhcp.expiry", is_plain},
                                 spread_key{"bridge", "ipv6.address", is_address6},
                                 spread_key{"bridge", "ipv6.nat", is_flag, effect::none},
                                 spread_key{"bridge", "bridge.mtu", is_number},
                                 spread_key{"bridge", "bridge.hwaddr", is_list},
                                 spread_key{"bridge", "bridge.external_interfaces", is_list},
                                 spread_key{"bridge", "dns.domain", is_plain},
                                 spread_key{"physical", "parent", is_plain},
                                 spread_key{"macvlan", "parent", is_plain}};

bool is_kind(std::string_view kind) {
  return std::any_of(spread_keys.begin(), spread_keys.end(),
                     [&](const spread_key& k) { return k.kind == kind; });
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

std::vector<std::string> spread_keys_without_effect() {
  std::vector<std::string> all;
  for (const auto& k : spread_keys)
    if (k.does == effect::none)
      all.push_back((is_pool_kind(std::string(k.kind)) ? "pool " : "network ") +
                    std::string(k.kind) + " " + std::string(k.name));
  return all;
}

status check_kind(const spread_noun& n, const std::string& kind) {
  const bool is_pool = n.where == table::storage_pool;
  if (kind.empty())
    return fail(errc::bad_request, is_pool ? "No driver provided" : "No network type provided");
  if (is_kind(kind) && is_pool == is_pool_kind(kind)) return ok();
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
    const auto at = std::find_if(spread_keys.begin(), spread_keys.end(), [&](const spread_key& k) {
      return k.kind == kind && k.name == key;
    });
    if (at == spread_keys.end())
      return fail(errc::bad_request, "Invalid option for " + std::string(n.noun) + " \"" + name +
                                         "\" option \"" + key + "\"");
    if (!value.empty() && !at->is_valid(value))
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
