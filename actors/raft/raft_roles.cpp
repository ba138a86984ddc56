#include "actors/raft/raft_actor.hpp"
#include "schemas/wall_clock.hpp"

#include <algorithm>

/// The leader gives out roles; a member that stops hands its own over.
namespace muster::raft {

namespace {

constexpr std::uint64_t ticks_between_notes = 16;
/// Who lacks no more than this is about to have caught up: the core takes it the moment it has.
constexpr std::uint64_t entries_near = 1000;
/// Then whoever has caught up will do.
constexpr int refusals_max = 8;

}  // namespace

void driver::remember_session(member_id peer, bool is_up) {
  keeper_.session_changed(peer, is_up, steady_ms());
  roles_rest_at_ = {};  // who comes or goes may change them
}

std::vector<roles::candidate> driver::candidates(std::uint64_t lag_max) const {
  const auto now = core_.status();
  const auto facts = with_.facts();
  std::vector<roles::candidate> all;
  for (const auto& m : facts->members) {
    roles::candidate c;
    c.id = m.id;
    c.name = m.name;
    c.failure_domain = m.failure_domain;
    c.is_online = m.id == with_.core.self || sessions_.contains(m.id);
    c.is_caught_up = m.id == with_.core.self;
    for (const auto& p : now.progress)
      if (p.peer == m.id)
        c.is_caught_up = p.match && p.match.value + lag_max >= now.commit.value && !p.condemned;
    if (m.level != 0 && m.level < facts->level) c.is_caught_up = false;  // never again
    keeper_.remember(c, steady_ms());
    all.push_back(std::move(c));
  }
  return all;
}

/// Under load a follower has caught up for an instant only: a plan that the core refuses is tried
/// again with whatever comes next.
void driver::check_roles() {
  roles_wait_ = false;
  roles_rest_at_ = {};
  if (core_.role_now() != role::leader || is_condemned_ || core_.is_changing_members()) return;
  const auto all = candidates(refusals_ < refusals_max ? entries_near : 0);
  if (auto next = roles::plan(core_.members(), all, with_.core.self, with_.facts()->roles)) {
    step(change_members{tags_.next(), next->next});
    roles_wait_ = !core_.is_changing_members();
    if (!roles_wait_) keeper_.planned(*next);
    return;
  }
  tell_leaving();
  note_roles_now();
  const bool all_here = std::all_of(all.begin(), all.end(), [](const roles::candidate& c) {
    return !c.is_online || c.is_caught_up;
  });
  if (all_here) roles_rest_at_ = applied_;
}

/// Not before everybody who might take over has been heard in this term.
void driver::tell_leaving() {
  const auto leaving = keeper_.leaving(steady_ms());
  if (leaving.empty()) return;
  for (const auto& p : core_.status().progress)
    if (!p.match && sessions_.contains(p.peer)) return;
  for (const auto id : leaving) with_.send(id, codec::link_body{codec::hand_over{true}});
}

/// Again now and then: the note may not have come through.
void driver::note_roles_now() {
  if (ticks_ < next_note_tick_) return;
  const auto facts = with_.facts();
  std::vector<roles::role_keeper::standing> noted;
  for (const auto& m : facts->members) noted.push_back({m.id, m.role});
  const note_roles b{
      keeper_.unnoted(noted, core_.members(), with_.core.self, core_.hard().term.value)};
  if (b.changes.empty()) return;
  next_note_tick_ = ticks_ + ticks_between_notes;
  with_.note_roles(b);
}

// --- handing over
// ---------------------------------------------------------------------------------

/// A leader takes note of who stops; who stops hears that the leader has done what can be done.
void driver::on_hand_over(member_id peer, bool is_done) {
  if (is_done) {
    if (left_ && peer == core_.leader()) std::exchange(left_, nullptr)();
    return;
  }
  if (core_.role_now() != role::leader) return;
  keeper_.leaves(peer, steady_ms());
  check_roles();
}

void driver::on_leave(std::function<void()> done) {
  left_ = std::move(done);
  go_on_leaving();
}

/// Leadership first, then the role. Said again now and then, to whoever leads by then.
void driver::go_on_leaving() {
  if (core_.role_now() == role::leader) return transfer_leadership();
  const auto& now = core_.members();
  const auto& standbys = now.standbys;
  if (!is_voter(now, with_.core.self) &&
      !std::binary_search(standbys.begin(), standbys.end(), with_.core.self))
    return std::exchange(left_, nullptr)();
  if (core_.leader()) with_.send(core_.leader(), codec::link_body{codec::hand_over{false}});
}

/// To the voter whose log is longest; if none can be reached, there is nobody to hand over to.
void driver::transfer_leadership() {
  const auto now = core_.status();
  member_id best;
  log_index longest;
  for (const auto& p : now.progress) {
    if (!is_voter(now.members, p.peer) || !sessions_.contains(p.peer) || p.condemned ||
        (best && p.match <= longest))
      continue;
    best = p.peer;
    longest = p.match;
  }
  if (!best) return std::exchange(left_, nullptr)();
  if (!core_.is_changing_members()) step(transfer{best});
}

}  // namespace muster::raft
