#include "actors/instances/instances_core.hpp"

#include <algorithm>

namespace muster::instances {

namespace {

constexpr std::uint64_t absent_ms_min = 60'000;
constexpr std::uint64_t wait_ms_min = 1'000;
constexpr std::uint64_t wait_ms_max = 60'000;

bool is_busy(const situation& now, object_id id) {
  const auto at = now.is_busy.find(id);
  return at != now.is_busy.end() && at->second;
}

memory memory_of(const situation& now, object_id id) {
  const auto at = now.known.find(id);
  return at == now.known.end() ? memory{} : at->second;
}

const instance* row_of(const situation& now, object_id id) {
  for (const auto& r : now.rows)
    if (r.head.id == id) return &r;
  return nullptr;
}

bool is_of_this_cluster(const situation& now, const found& seen) {
  return seen.cluster.empty() || seen.cluster == now.cluster;
}

bool is_of(const found& seen, const instance& row) {
  return seen.instance.empty() || seen.instance == row.uuid;
}

/// Files of `row` as it is now.
bool is_current(const situation& now, const found& seen, const instance& row) {
  return is_of_this_cluster(now, seen) && is_of(seen, row) && seen.generation == row.generation;
}

/// A container that lies here without being ours.
void plan_stranger(std::vector<task>& plan, const situation& now, object_id id, const found& seen) {
  if (!is_of_this_cluster(now, seen)) return;
  const auto* row = row_of(now, id);
  const auto known = memory_of(now, id);
  if (!row && known.absent_since_ms != 0 &&
      now.now_ms >= std::max(known.absent_since_ms + absent_ms_min, known.not_before_ms))
    plan.push_back({step::remove, id});
  if (row && is_of(seen, *row) && seen.is_running &&
      (row->owner != now.self || row->generation != seen.generation))
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

/// What brings it from `real` to what is wanted; none: it is as wanted.
std::optional<step> order_for(const instance& row, instance_status real) {
  if (row.status == instance_status::creating) return step::create;
  const bool is_up = real != instance_status::stopped;
  if (row.wanted == power::stopped) return is_up ? std::optional(step::stop) : std::nullopt;
  if (!is_up) return step::start;
  if (row.wanted == power::frozen && real == instance_status::running) return step::freeze;
  return std::nullopt;
}

void plan_own(std::vector<task>& plan, const situation& now, const instance& row) {
  const auto id = row.head.id;
  const auto at = now.seen.find(id);
  const bool is_here = at != now.seen.end() && is_current(now, at->second, row);
  const auto* seen = is_here ? &at->second : nullptr;
  const auto real = status_of(seen);
  const auto known = memory_of(now, id);
  const bool has_remains = seen && !seen->is_running && seen->has_remains;
  const auto order = order_for(row, real);
  const bool has_ended = order == step::start && known.was_running;
  const bool waits_for_people = order == step::start && row.status == instance_status::error;
  if (order && !has_ended && !waits_for_people && now.now_ms >= known.not_before_ms)
    return plan.push_back({*order, id});
  if (has_remains) plan.push_back({step::tidy, id});
  if (has_ended)
    plan.push_back({step::report_ended, id});
  else if (row.status != real && row.status != instance_status::error &&
           row.status != instance_status::creating)
    plan.push_back({report_of(real), id});
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

void remember(std::map<object_id, memory>& known, const situation& now) {
  std::map<object_id, memory> next;
  for (const auto& row : now.rows)
    if (const auto at = known.find(row.head.id); at != known.end() && row.owner == now.self) {
      next[row.head.id] = at->second;
      next[row.head.id].absent_since_ms = 0;
    }
  for (const auto& [id, seen] : now.seen) {
    const auto* row = row_of(now, id);
    if (!row) {
      const auto at = known.find(id);
      auto& m = next[id] = at == known.end() ? memory{} : at->second;
      if (m.absent_since_ms == 0) m.absent_since_ms = now.now_ms;
    } else if (row->owner == now.self && seen.is_running && is_current(now, seen, *row) &&
               !is_busy(now, id)) {
      next[id].was_running = true;
    }
  }
  known = std::move(next);
}

std::uint64_t wait_after_ms(unsigned failures) {
  constexpr unsigned doublings_max = 6;
  const auto doublings = std::min(failures == 0 ? 0 : failures - 1, doublings_max);
  return std::min(wait_ms_min << doublings, wait_ms_max);
}

}  // namespace muster::instances
