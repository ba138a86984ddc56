#include "actors/health/health_actor.hpp"

#include "actors/raft/guarded.hpp"
#include "actors/state/spreads/warnings.hpp"
#include "schemas/basic/limits.hpp"

#include <caf/stateful_actor.hpp>

namespace muster::health {

namespace {

constexpr auto look_every = std::chrono::milliseconds(200);
/// This process was held up for so long: nobody could be heard meanwhile.
constexpr auto pause_min = std::chrono::seconds(1);

std::uint64_t ms(clock::duration d) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

}  // namespace

void watcher::look() {
  const auto now = clock::now();
  if (now - std::exchange(last_look_, now) > pause_min) watching_since_ = now;
  const auto board = with_.board();
  if (board.raft.now != raft::role::leader || *writing_) return;
  const auto facts = with_.facts();
  std::vector<observed> all;
  for (const auto& p : with_.peers()) {
    const auto* m = facts->find(p.id);
    if (!m) continue;
    observed o;
    o.id = p.id;
    o.is_noted_offline = m->is_offline;
    o.is_up = p.is_up;
    o.silent_ms = ms(now - std::min(now, std::max(p.last_heard, watching_since_)));
    if (!p.is_up) o.closed_ms = ms(now - std::min(now, std::max(p.closed, watching_since_)));
    o.skew_ms = p.skew_ms;
    o.level = p.level;
    o.noted_level = m->level;
    o.is_noted_skewed = m->is_clock_off;
    o.is_whole = m->is_offline && is_whole(*m, p.is_up, board.raft);
    all.push_back(o);
  }
  if (const auto* self = facts->find(with_.self))
    all.push_back({with_.self, self->is_offline, true, 0, 0, self->is_clock_off, with_.level,
                   self->level, true});  // it leads, so it is there
  if (const auto found = judge(all, ms(facts->offline_threshold), ms(limits::link_beat_period));
      !found.empty())
    note(found, all);
  note_clocks(judge_clocks(all, limits::clock_skew_max_ms));
  settle_certificates(*facts, board.raft);
  raise_common_level(*facts);
}

/// Who has applied the warning has applied the certificate before it, and shows it.
void watcher::settle_certificates(const state::cluster_facts& facts,
                                  const raft::status_view& raft) {
  const auto has_applied = [&](const state::member_facts& m) {
    return m.id == with_.self ||  // the facts are what is applied here
           std::any_of(raft.progress.begin(), raft.progress.end(), [&](const auto& p) {
             return p.peer == m.id && p.applied >= m.certificate_missed;
           });
  };
  for (const auto& m : facts.members)
    if (m.certificate_missed && has_applied(m))
      write(settle_warning{state::certificate_missed, m.id, {}});
}

/// Everything that was committed when its session came up has been applied there.
bool watcher::is_whole(const state::member_facts& m, bool is_up, const raft::status_view& raft) {
  if (!is_up) {
    whole_at_.erase(m.id);
    return false;
  }
  const auto wanted = whole_at_.try_emplace(m.id, raft.commit).first->second;
  for (const auto& p : raft.progress)
    if (p.peer == m.id) return p.applied >= wanted && !p.condemned && !m.owes;
  return false;
}

void watcher::note(const std::vector<verdict>& verdicts, const std::vector<observed>& all) {
  const auto wall_ms = ms(std::chrono::system_clock::now().time_since_epoch());
  note_health b;
  for (const auto& v : verdicts) {
    if (!v.is_offline) whole_at_.erase(v.id);
    const auto seen =
        std::find_if(all.begin(), all.end(), [&](const observed& o) { return o.id == v.id; });
    b.changes.push_back({v.id, v.is_offline, wall_ms - seen->silent_ms, v.level});
  }
  write(std::move(b));
}

void watcher::note_clocks(const std::vector<clock_verdict>& verdicts) {
  for (const auto& v : verdicts)
    if (v.is_off)
      write(raise_warning{state::clock_off,
                          v.id,
                          {},
                          std::to_string(v.skew_ms) + " ms against the leader",
                          severity::low});
    else
      write(settle_warning{state::clock_off, v.id, {}});
}

/// From what is noted of all, so that every leader comes to the same.
void watcher::raise_common_level(const state::cluster_facts& facts) {
  std::vector<build> all;
  for (const auto& m : facts.members)
    all.push_back({!m.is_offline || (!m.role.empty() && m.role != "spare"), m.level});
  if (const auto level = common_level(all); level > facts.level) write(raise_level{level});
}

void watcher::write(command_body body) {
  ++*writing_;
  with_.write(std::move(body), [writing = writing_] { --*writing; });
}

caf::behavior health_actor(caf::stateful_actor<health_state>* self, health_settings with) {
  raft::stop_on_exception(self, "health monitor", with.stop);
  self->state.watch = std::make_unique<watcher>(std::move(with));
  self->delayed_send(self, look_every, caf::tick_atom_v);
  return {
      [=](caf::tick_atom) {
        self->state.watch->look();
        self->delayed_send(self, look_every, caf::tick_atom_v);
      },
  };
}

}  // namespace muster::health
