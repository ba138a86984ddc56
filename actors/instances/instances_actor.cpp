#include "actors/instances/instances_actor.hpp"

#include "actors/instances/worker.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace muster::instances {

namespace {

using self_pointer = instances_handle::stateful_pointer<instances_state>;
constexpr auto look_every = std::chrono::milliseconds(1000);
constexpr auto sweep_every = std::chrono::minutes(10);

/// Does one order on a thread of its own.
void worker(caf::event_based_actor* self, const std::shared_ptr<const instances_settings>& with,
            const order_ptr& what, const instances_handle& boss) {
  auto how = carry_out(*with, *what);
  self->send(boss, order_done{what, how});
  what->answer.set_value(std::move(how));
  self->quit();
}

void start_worker(self_pointer self, const order_ptr& what) {
  if (what->what != verb::tidy) self->state.known[what->key.id].was_running = false;
  self->spawn<caf::detached>(worker, self->state.with, what, instances_handle(self));
}

void take_order(self_pointer self, const order_ptr& what) {
  auto& queue = self->state.queues[what->key.id];
  queue.push_back(what);
  if (queue.size() == 1) start_worker(self, what);
}

std::uint64_t now_ms() {
  return 1 + static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                            std::chrono::steady_clock::now().time_since_epoch())
                                            .count());
}

bool leaves_it_running(verb what) {
  return what == verb::start || what == verb::restart || what == verb::freeze ||
         what == verb::unfreeze;
}

/// What an order has come to, for the next look.
void note_end(instances_state& state, const order& what, const status& how) {
  auto& known = state.known[what.key.id];
  if (how) {
    known.was_running =
        leaves_it_running(what.what) || (what.what == verb::tidy && known.was_running);
    known.failures = 0;
    known.not_before_ms = 0;
  } else if (what.is_own) {
    const auto wait = wait_after_ms(++known.failures);
    known.not_before_ms = now_ms() + wait;
    state.with->log(container_name(what.key.id) + ": " + how.error().detail + "; tried again in " +
                    std::to_string(wait / 1000) + " s");
  }
}

void finish_order(self_pointer self, const order& what, const status& how) {
  note_end(self->state, what, how);
  auto at = self->state.queues.find(what.key.id);
  if (at == self->state.queues.end()) return;
  at->second.pop_front();
  if (at->second.empty())
    self->state.queues.erase(at);
  else
    start_worker(self, at->second.front());
}

/// An order of the actor's own; its failure is logged, and it is given again later.
order_ptr own_order(verb what, const row_key& key) {
  auto o = std::make_shared<order>();
  o->what = what;
  o->key = key;
  o->force = true;
  o->is_own = true;
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

/// It is not wanted any more; an ephemeral one goes, and with its record its files.
void report_ended(self_pointer self, const instance& row) {
  const auto& with = *self->state.with;
  if (!with.write(want_instance{key_of(row), power::stopped, {}}, {}, "reconcile")) return;
  if (!row.ephemeral) return report(with, row, instance_status::stopped, "shutdown");
  if (!with.write(erase_object{key_of(row), {}}, {}, "reconcile")) return;
  auto o = own_order(verb::remove, key_of(row));
  o->last = row;
  take_order(self, o);
}

/// Its record has been missing for a minute: is it missing now?
void remove_stranger(self_pointer self, object_id id) {
  const auto& with = *self->state.with;
  if (!with.readable()) return;
  const auto me = with.acting();
  if (!me) return;
  for (const auto& row : me->view->all<instance>())
    if (row.head.id == id) return;
  with.log(container_name(id) + " has no record: its files go to the trash");
  auto o = own_order(verb::remove, {table::instance, {}, id});
  o->last.head.id = id;
  take_order(self, o);
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
    case step::tidy:
      return take_order(self, own_order(verb::tidy, key_of(*row)));
    case step::abandon:
      return abandon(with, *row);
    case step::remove:
      return remove_stranger(self, t.id);
    case step::report_running:
      return report(with, *row, instance_status::running, "");
    case step::report_frozen:
      return report(with, *row, instance_status::frozen, "");
    case step::report_stopped:
      return report(with, *row, instance_status::stopped, "");
    case step::report_ended:
      return report_ended(self, *row);
  }
}

/// As what this server acts, when that is certain; none: it touches nothing.
std::optional<acting_member> certain_member(instances_state& state) {
  const auto& with = *state.with;
  const auto as = [](const acting_member& m) {
    return m.cluster + " " + std::to_string(m.self.value);
  };
  auto me = with.acting();
  if (me && as(*me) == state.looked_as) return me;
  if (!state.looked_as.empty())
    with.log("this server does not act as the member that it was: containers here are left alone");
  state.looked_as.clear();
  for (auto& [id, m] : state.known) m.absent_since_ms = 0;
  if (!me || !with.readable()) return std::nullopt;  // the records may be old
  me = with.acting();
  if (me) state.looked_as = as(*me);
  return me;
}

/// Says it once: what has no record is not touched at once.
void note_strangers(const instances_state& state, const situation& now) {
  for (const auto& [id, m] : state.known)
    if (m.absent_since_ms == now.now_ms)
      state.with->log(container_name(id) +
                      " has no record: it is left alone for a minute, in case one comes");
}

void sweep(self_pointer self) {
  const auto now = std::chrono::steady_clock::now();
  if (now - self->state.swept < sweep_every) return;
  self->state.swept = now;
  self->spawn<caf::detached>(
      [](const std::shared_ptr<lxc_driver>& driver) { driver->sweep_trash(); },
      self->state.with->driver);  // CAF takes no function without arguments
}

void look(self_pointer self) {
  auto& state = self->state;
  const auto me = certain_member(state);
  if (!me) return;
  situation now;
  now.self = me->self;
  now.cluster = me->cluster;
  now.now_ms = now_ms();
  now.rows = me->view->all<instance>();
  now.seen = state.with->driver->observe();
  for (const auto& [id, queue] : state.queues) now.is_busy[id] = true;
  remember(state.known, now);
  note_strangers(state, now);
  now.known = state.known;
  for (const auto& t : plan(now)) {
    const instance* row = nullptr;
    for (const auto& r : now.rows)
      if (r.head.id == t.id) row = &r;
    carry_out_task(self, t, row);
  }
  sweep(self);
}

}  // namespace

instances_handle::behavior_type instances_actor(self_pointer self, instances_settings with) {
  self->state.with = std::make_shared<const instances_settings>(std::move(with));
  self->send(self, look_now{});
  return {
      [=](const begin_order& m) { take_order(self, m.what); },
      [=](const order_done& m) { finish_order(self, *m.what, m.how); },
      [=](look_now) {
        look(self);
        self->delayed_send(self, look_every, look_now{});
      },
  };
}

}  // namespace muster::instances
