#include "actors/scheduler/scheduler_actor.hpp"

#include "actors/raft/guarded.hpp"

namespace muster::scheduler {

namespace {

std::vector<candidate> candidates_of(const state_view& s, const std::set<member_id>& online,
                                     const std::string& pool,
                                     std::map<member_id, std::uint64_t> counts) {
  s.each(table::instance, std::nullopt, [&](const object& o) {
    ++counts[std::get<instance>(o).owner];
    return true;
  });
  std::vector<candidate> all;
  for (const auto& m : s.all<member>())
    if (check_pool_on(s, pool, m.id()))
      all.push_back({m.id(), m.name, m.architecture, counts[m.id()], online.contains(m.id()),
                     m.state != member_state::created, value_in(m.config, "scheduler.instance"),
                     m.groups});
  return all;
}

result<placement> choose(scheduler_state& state, const placement_order& order) {
  const auto& what = order.what;
  auto& server = *state.with.server;
  const auto running = server.now();
  const bool leads =
      running && (*running)->board().raft.now == raft::role::leader && (*running)->has_leader();
  if (!leads && !order.leader_cannot) {
    state.reserved = {};
    return fail(errc::not_leader, "this member does not lead");
  }
  const auto now = reservations::clock::now();
  const auto view = server.local_view();
  state.reserved.drop_old(now);
  auto placed =
      place(candidates_of(*view, server.online(), what.pool, state.reserved.counts()), what.bounds);
  if (placed.chosen) state.reserved.add(what.project, what.name, placed.chosen, now);
  return placed;
}

}  // namespace

status check_pool_on(const state_view& s, const std::string& pool, member_id on) {
  const auto row = s.by_name<storage_pool>({}, pool);
  if (!row || row->across.version == 0) return ok();
  const auto part = row->across.parts.find(on);
  if (part == row->across.parts.end() || part->second.version == 0)
    return fail(errc::unavailable,
                "The storage pool \"" + pool + "\" is not there yet on the chosen member");
  if (part->second.state == part_state::errored)
    return fail(errc::unavailable,
                "The storage pool \"" + pool +
                    "\" is unavailable on the chosen member: " + part->second.reason);
  return ok();
}

scheduler_handle::behavior_type scheduler_actor(
    scheduler_handle::stateful_pointer<scheduler_state> self, scheduler_settings with) {
  raft::stop_on_exception(self, "scheduler", with.stop);
  self->state.with = std::move(with);
  return {
      [self](const place_next& m) { m.what->answer.set_value(choose(self->state, *m.what)); },
      [self](const instances_changed& m) {
        for (const auto& [where, name] : m.names) self->state.reserved.settle(where, name);
      },
  };
}

}  // namespace muster::scheduler
