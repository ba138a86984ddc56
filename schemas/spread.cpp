#include "schemas/spread.hpp"

#include <algorithm>
#include <array>

namespace muster {

namespace {

constexpr std::array pool_keys{
    std::string_view("source"),        std::string_view("source.wipe"),
    std::string_view("size"),          std::string_view("volatile.initial_source"),
    std::string_view("zfs.pool_name"), std::string_view("lvm.thinpool_name"),
    std::string_view("lvm.vg_name"),   std::string_view("lvm.vg.force_reuse")};
constexpr std::array network_keys{
    std::string_view("bgp.ipv4.nexthop"), std::string_view("bgp.ipv6.nexthop"),
    std::string_view("bridge.external_interfaces"), std::string_view("parent")};

}  // namespace

spread* spread_of(object& row) {
  if (auto* pool = std::get_if<storage_pool>(&row)) return &pool->across;
  if (auto* net = std::get_if<network>(&row)) return &net->across;
  return nullptr;
}

const spread* spread_of(const object& row) { return spread_of(const_cast<object&>(row)); }

std::string_view kind_of(const object& row) {
  if (const auto* pool = std::get_if<storage_pool>(&row)) return pool->driver;
  return std::get<network>(row).type;
}

string_map& config_of(object& row) {
  if (auto* pool = std::get_if<storage_pool>(&row)) return pool->config;
  return std::get<network>(row).config;
}

const string_map& config_of(const object& row) { return config_of(const_cast<object&>(row)); }

bool is_member_key(table where, std::string_view key) {
  if (where == table::storage_pool)
    return std::find(pool_keys.begin(), pool_keys.end(), key) != pool_keys.end();
  if (key.starts_with("tunnel.")) return key.ends_with(".interface") || key.ends_with(".local");
  return std::find(network_keys.begin(), network_keys.end(), key) != network_keys.end();
}

bool is_due(const spread& s, member_id id) {
  if (s.is_pending) return false;
  const auto at = s.parts.find(id);
  return at == s.parts.end() ? s.version != 0 : at->second.version < s.version;
}

bool owes(const state_view& state, member_id id) {
  bool found = false;
  each_spread(state, [&](const object& row) { return !(found = is_due(*spread_of(row), id)); });
  if (!found)
    state.each(table::leftover, std::nullopt,
               [&](const object& row) { return !(found = std::get<leftover>(row).on == id); });
  return found;
}

void each_spread(const state_view& state, const state_view::visitor& see) {
  bool goes_on = true;
  const auto look = [&](const object& row) { return goes_on = see(row); };
  state.each(table::storage_pool, std::nullopt, look);
  if (goes_on) state.each(table::network, std::nullopt, look);
}

}  // namespace muster
