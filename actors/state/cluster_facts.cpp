#include "actors/state/cluster_facts.hpp"

#include "actors/state/spreads/warnings.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/spread.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace muster::state {

namespace {

/// A key of the cluster's configuration; checked when it was set.
template <class T>
void read_number(const string_map& config, const char* key, T& into) {
  if (const auto at = config.find(key); at != config.end())
    std::from_chars(at->second.data(), at->second.data() + at->second.size(), into);
}

}  // namespace

const member_facts* cluster_facts::find(member_id id) const {
  const auto at = std::lower_bound(members.begin(), members.end(), id,
                                   [](const member_facts& m, member_id i) { return m.id < i; });
  return at != members.end() && at->id == id ? &*at : nullptr;
}

cluster_facts facts_of(const state_view& state) {
  cluster_facts f;
  for (const auto& m : state.all<member>()) {
    const auto s = state.row<member_standing>({}, m.head.id).value_or(member_standing{});
    f.members.push_back({m.id(),
                         m.name,
                         m.failure_domain,
                         s.role,
                         s.is_offline,
                         false,
                         s.level,
                         {},
                         owes(state, m.id())});
  }
  for (const auto& w : state.all<warning>()) {
    const auto of = std::find_if(f.members.begin(), f.members.end(),
                                 [&](const member_facts& m) { return m.id == w.location; });
    if (w.status == warning_status::resolved || of == f.members.end()) continue;
    if (w.type == clock_off) of->is_clock_off = true;
    if (w.type == certificate_missed) of->certificate_missed = w.head.modified;
  }
  f.level = state.only<cluster>().value_or(cluster{}).level;
  const auto config = state.only<server_config>().value_or(server_config{}).config;
  read_number(config, "cluster.max_voters", f.roles.voters_max);
  read_number(config, "cluster.max_standby", f.roles.standbys_max);
  auto timeout_ms = std::chrono::milliseconds(limits::election_timeout).count();
  read_number(config, "cluster.election_timeout", timeout_ms);
  f.election_timeout = std::chrono::milliseconds(timeout_ms);
  auto threshold_s = std::chrono::seconds(limits::offline_threshold).count();
  read_number(config, "cluster.offline_threshold", threshold_s);
  f.offline_threshold = std::chrono::seconds(threshold_s);
  return f;
}

bool decides_facts(const row_changes& changes) {
  constexpr std::array tables{table::cluster,      table::server_config, table::member,
                              table::storage_pool, table::network,       table::member_standing,
                              table::warning,      table::leftover};
  return std::any_of(tables.begin(), tables.end(),
                     [&](table where) { return touches(changes, where); });
}

}  // namespace muster::state
