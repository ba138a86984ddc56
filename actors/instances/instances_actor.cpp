#include "actors/instances/instances_actor.hpp"

#include "actors/instances/worker.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace muster::instances {

namespace {

using self_pointer = instances_handle::stateful_pointer<instances_state>;
constexpr auto look_every = std::chrono::milliseconds(1000);

/// Does one order on a thread of its own.
void worker(caf::event_based_actor* self, const std::shared_ptr<const instances_settings>& with,
            const order_ptr& what, const instances_handle& boss) {
  what->answer.set_value(carry_out(*with, *what));
  self->send(boss, order_done{what->key.id});
  self->quit();
}

void start_worker(self_pointer self, const order_ptr& what) {
  self->spawn<caf::detached>(worker, self->state.with, what, instances_handle(self));
}

void take_order(self_pointer self, const order_ptr& what) {
  auto& queue = self->state.queues[what->key.id];
  queue.push_back(what);
  if (queue.size() == 1) start_worker(self, what);
}

void finish_order(self_pointer self, object_id id) {
  auto at = self->state.queues.find(id);
  if (at == self->state.queues.end()) return;
  at->second.pop_front();
  if (at->second.empty())
    self->state.queues.erase(at);
  else
    start_worker(self, at->second.front());
}

/// An order of the actor's own; its failure is logged, and looked at again later.
order_ptr own_order(verb what, const row_key& key) {
  auto o = std::make_shared<order>();
  o->what = what;
  o->key = key;
  o->force = true;
  o->trace = "reconcile";
  return o;
}

void report(const instances_settings& with, const instance& row, instance_status seen,
            const char* action) {
  (void)with.write(report_instance{key_of(row), row.generation, seen, action}, {}, "reconcile")
      .ok();
}

/// Stops what runs here without right. Its files stay: the owner decides.
void abandon(const instances_settings& with, const instance& row) {
  container c;
  c.data_dir = with.data_dir;
  c.id = row.head.id;
  with.log("instance " + row.name + " belongs to another member now: it is stopped here");
  if (auto stopped = with.driver->stop(c, true, 0); !stopped) with.log(stopped.error().detail);
}

void carry_out_task(self_pointer self, const task& t, const instance* row) {
  const auto& with = *self->state.with;
  switch (t.what) {
    case step::create:
      return take_order(self, own_order(verb::create, key_of(*row)));
    case step::start:
      return take_order(self, own_order(verb::start, key_of(*row)));
    case step::stop:
      return take_order(self, own_order(verb::stop, key_of(*row)));
    case step::freeze:
      return take_order(self, own_order(verb::freeze, key_of(*row)));
    case step::abandon:
      return abandon(with, *row);
    case step::remove: {
      auto o = own_order(verb::remove, {table::instance, {}, t.id});
      o->last.head.id = t.id;
      return take_order(self, o);
    }
    case step::report_running:
      return report(with, *row, instance_status::running, "");
    case step::report_frozen:
      return report(with, *row, instance_status::frozen, "");
    case step::report_stopped:
      return report(with, *row, instance_status::stopped, "");
    case step::report_ended:
      (void)with.write(want_instance{key_of(*row), power::stopped, {}}, {}, "reconcile").ok();
      if (row->ephemeral) {  // its files go at the next look
        (void)with.write(erase_object{key_of(*row), {}}, {}, "reconcile").ok();
        return;
      }
      return report(with, *row, instance_status::stopped, "shutdown");
  }
}

void look(self_pointer self) {
  auto& state = self->state;
  const auto& with = *state.with;
  if (!with.self()) return;                           // no member runs: no records
  if (!state.has_looked && !with.readable()) return;  // the records may be old
  situation now;
  const auto view = with.view();
  now.self = with.self();
  now.rows = view->all<instance>();
  now.seen = with.driver->observe();
  now.is_first = !state.has_looked;
  for (const auto& [id, queue] : state.queues) now.is_busy[id] = true;
  state.has_looked = true;
  for (const auto& t : plan(now)) {
    const instance* row = nullptr;
    for (const auto& r : now.rows)
      if (r.head.id == t.id) row = &r;
    carry_out_task(self, t, row);
  }
}

}  // namespace

instances_handle::behavior_type instances_actor(self_pointer self, instances_settings with) {
  self->state.with = std::make_shared<const instances_settings>(std::move(with));
  self->send(self, look_now{});
  return {
      [=](const begin_order& m) { take_order(self, m.what); },
      [=](const order_done& m) { finish_order(self, m.id); },
      [=](look_now) {
        look(self);
        self->delayed_send(self, look_every, look_now{});
      },
  };
}

}  // namespace muster::instances
