#include "actors/instances/instances_core.hpp"

namespace muster::instances {

namespace {

bool is_busy(const situation& now, object_id id) {
  const auto at = now.is_busy.find(id);
  return at != now.is_busy.end() && at->second;
}

/// A container that lies here without being ours.
void plan_stranger(std::vector<task>& plan, const situation& now, object_id id, const found& seen) {
  const instance* row = nullptr;
  for (const auto& r : now.rows)
    if (r.head.id == id) row = &r;
  if (!row)
    plan.push_back({step::remove, id});
  else if (seen.is_running && (row->owner != now.self || row->generation != seen.generation))
    plan.push_back({step::abandon, id});
}

/// Status that fits what is seen.
instance_status status_of(const found* seen) {
  if (!seen || !seen->is_running) return instance_status::stopped;
  return seen->is_frozen ? instance_status::frozen : instance_status::running;
}

step report_of(instance_status status) {
  if (status == instance_status::running) return step::report_running;
  return status == instance_status::frozen ? step::report_frozen : step::report_stopped;
}

void plan_own(std::vector<task>& plan, const situation& now, const instance& row) {
  const auto id = row.head.id;
  const auto at = now.seen.find(id);
  const found* seen =
      at == now.seen.end() || at->second.generation != row.generation ? nullptr : &at->second;
  const auto real = status_of(seen);
  if (row.status == instance_status::creating) {
    plan.push_back({step::create, id});
  } else if (row.wanted != power::stopped && real == instance_status::stopped) {
    if (now.is_first)
      plan.push_back({step::start, id});
    else if (row.status != instance_status::stopped && row.status != instance_status::error)
      plan.push_back({step::report_ended, id});
  } else if (row.wanted == power::stopped && real != instance_status::stopped) {
    if (now.is_first) plan.push_back({step::stop, id});
  } else if (row.wanted == power::frozen && real == instance_status::running && now.is_first) {
    plan.push_back({step::freeze, id});
  } else if (row.status != real && row.status != instance_status::error) {
    plan.push_back({report_of(real), id});
  }
}

}  // namespace

std::vector<task> plan(const situation& now) {
  std::vector<task> all;
  for (const auto& [id, seen] : now.seen)
    if (!is_busy(now, id)) plan_stranger(all, now, id, seen);
  for (const auto& row : now.rows)
    if (row.owner == now.self && !is_busy(now, row.head.id)) plan_own(all, now, row);
  return all;
}

}  // namespace muster::instances
