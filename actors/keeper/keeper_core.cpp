#include "actors/keeper/keeper_core.hpp"

#include <algorithm>

namespace muster::keeper {

namespace {

const object* find(const std::vector<object>& rows, const row_key& key) {
  const auto at =
      std::find_if(rows.begin(), rows.end(), [&](const object& row) { return key_of(row) == key; });
  return at == rows.end() ? nullptr : &*at;
}

/// A row that is only missing is no reason.
bool may_go(const situation& now, const row_key& key) {
  if (now.strange.contains(key)) return true;
  if (find(now.wanted, key)) return false;
  return now.long_absent.contains(key) ||
         std::any_of(now.left.begin(), now.left.end(),
                     [&](const leftover& l) { return l.on == now.self && l.of == key; });
}

void plan_row(std::vector<task>& plan, const situation& now, const object& row) {
  const auto key = key_of(row);
  const auto& across = *spread_of(row);
  if (across.is_pending || across.version == 0) return;
  const auto failed = now.failed.find(key);
  if (failed != now.failed.end() && failed->second >= across.version) return;
  const auto part = across.parts.find(now.self);
  const bool is_here = now.made.contains(key) && !now.strange.contains(key);
  const bool is_current = is_here && now.made.at(key) >= across.version;
  const bool has_failed = part != across.parts.end() && part->second.state == part_state::errored;
  if (!is_current || now.is_first || has_failed)
    plan.push_back({step::make, key});
  else if (is_due(across, now.self))
    plan.push_back({step::report, key});
}

}  // namespace

std::vector<task> plan(const situation& now) {
  std::vector<task> all;
  for (const auto& [key, version] : now.made) {
    // 0: its removal. What could not be made is removed at once all the same.
    if (const auto failed = now.failed.find(key);
        failed != now.failed.end() && failed->second == 0 && !find(now.wanted, key))
      continue;
    if (may_go(now, key)) all.push_back({step::remove, key});
  }
  for (const auto& l : now.left)
    if (l.on == now.self && !now.made.contains(l.of)) all.push_back({step::report_gone, key_of(l)});
  for (const auto& row : now.wanted) plan_row(all, now, row);
  return all;
}

}  // namespace muster::keeper
