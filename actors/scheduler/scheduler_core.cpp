#include "actors/scheduler/scheduler_core.hpp"

#include <algorithm>

namespace muster::scheduler {

namespace {

std::string rejection(const candidate& c, const wish& what) {
  if (!c.is_online) return "offline";
  if (c.is_evacuated) return "evacuated";
  const bool is_asked_for = !what.group.empty() && std::find(c.groups.begin(), c.groups.end(),
                                                             what.group) != c.groups.end();
  if (c.takes == "manual" || (c.takes == "group" && !is_asked_for))
    return "scheduler.instance=" + c.takes;
  if (!what.group.empty() && !is_asked_for) return "not in the group";
  const auto is_allowed = [&](const std::string& g) {
    return std::find(c.groups.begin(), c.groups.end(), g) != c.groups.end();
  };
  if (!what.allowed_groups.empty() &&
      std::none_of(what.allowed_groups.begin(), what.allowed_groups.end(), is_allowed))
    return "not in a group of the project";
  if (!what.architecture.empty() && c.architecture != what.architecture) return "architecture";
  return {};
}

}  // namespace

placement place(const std::vector<candidate>& candidates, const wish& what) {
  placement p;
  const candidate* best = nullptr;
  for (const auto& c : candidates) {
    p.verdicts.push_back({c.id, c.name, rejection(c, what), c.instances});
    if (!p.verdicts.back().rejected_by.empty()) continue;
    const bool is_better = !best || c.instances < best->instances ||
                           (c.instances == best->instances && c.id < best->id);
    if (is_better) best = &c;
  }
  if (best) p.chosen = best->id;
  return p;
}

}  // namespace muster::scheduler
