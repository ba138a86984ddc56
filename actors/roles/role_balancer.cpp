#include "actors/roles/role_balancer.hpp"

#include "actors/raft/core/quorum.hpp"
#include "actors/raft/guarded.hpp"
#include "schemas/basic/wall_clock.hpp"

#include <algorithm>

namespace muster::roles {

namespace {

constexpr unsigned ticks_between_looks = 4;
constexpr unsigned ticks_between_notes = 16;
/// Who lacks no more than this is about to have caught up: the log takes it the moment it has.
constexpr std::uint64_t entries_near = 1000;
/// Then whoever has caught up will do.
constexpr int looks_at_wish_max = 8;

bool has_role(const raft::configuration& now, member_id id) {
  return raft::is_voter(now, id) ||
         std::binary_search(now.standbys.begin(), now.standbys.end(), id);
}

}  // namespace

std::chrono::milliseconds balancer::period() const {
  const auto tick = with_.board->get().tick_period;
  return std::max(tick, std::chrono::milliseconds(1)) * ticks_between_looks;
}

/// The board and the link tell of a session one after the other: it is up when both say so.
bool balancer::is_up(const raft::board_view& board, member_id id) const {
  return board.sessions.contains(id) && sessions_.contains(id);
}

void balancer::on_session(member_id peer, bool is_up) {
  if (is_up)
    sessions_.insert(peer);
  else
    sessions_.erase(peer);
  keeper_.session_changed(peer, is_up, steady_ms());
  look();
}

std::vector<candidate> balancer::candidates(const raft::board_view& board,
                                            const state::cluster_facts& facts) const {
  const auto lag_max = looks_at_wish_ < looks_at_wish_max ? entries_near : 0;
  std::vector<candidate> all;
  for (const auto& m : facts.members) {
    candidate c;
    c.id = m.id;
    c.name = m.name;
    c.failure_domain = m.failure_domain;
    c.is_online = m.id == with_.self || is_up(board, m.id);
    c.is_caught_up = m.id == with_.self;
    for (const auto& p : board.raft.progress)
      if (p.peer == m.id)
        c.is_caught_up =
            p.match && p.match.value + lag_max >= board.raft.commit.value && !p.condemned;
    if (m.level != 0 && m.level < facts.level) c.is_caught_up = false;  // never again
    keeper_.remember(c, steady_ms());
    all.push_back(std::move(c));
  }
  return all;
}

void balancer::look() {
  const auto board = with_.board->get();
  const auto& raft = board.raft;
  if (raft.now == raft::role::leader && !raft.condemned && !raft.changing_members) balance(board);
  if (left_) go_on_leaving(board);
}

/// Under load a follower has caught up for an instant only: the raft actor keeps the wish and
/// tries it whenever a follower has answered.
void balancer::balance(const raft::board_view& board) {
  const auto& now = board.raft.members;
  const auto facts = with_.facts();
  const auto all = candidates(board, *facts);
  const auto next = plan(now, all, with_.self, facts->roles);
  looks_at_wish_ = next ? looks_at_wish_ + 1 : 0;
  if (next || has_wish_) with_.wish({board.raft.term, now, next ? next->next : now});
  has_wish_ = next.has_value();
  if (next) keeper_.planned(*next);
  if (next || !is_noted(board, *facts)) return with_.board->roles_rest({}, board.version);
  tell_leaving(board);
  const bool all_here = std::all_of(
      all.begin(), all.end(), [](const candidate& c) { return !c.is_online || c.is_caught_up; });
  with_.board->roles_rest(all_here ? board.applied : log_index{}, board.version);
}

/// Not before everybody who might take over has been heard in this term.
void balancer::tell_leaving(const raft::board_view& board) {
  const auto leaving = keeper_.leaving(steady_ms());
  if (leaving.empty()) return;
  for (const auto& p : board.raft.progress)
    if (!p.match && is_up(board, p.peer)) return;
  for (const auto id : leaving) with_.send(id, {true});
}

/// Whether everybody is shown with the role it has. The same note goes out again now and then: it
/// may not have come through.
bool balancer::is_noted(const raft::board_view& board, const state::cluster_facts& facts) {
  std::vector<role_keeper::standing> noted;
  for (const auto& m : facts.members) noted.push_back({m.id, m.role});
  note_roles b{keeper_.unnoted(noted, board.raft.members, with_.self, board.raft.term.value)};
  if (b.changes.empty()) return true;
  if (b.changes == last_note_ && steady_ms() < next_note_ms_) return false;
  next_note_ms_ = steady_ms() + static_cast<std::uint64_t>(board.tick_period.count()) *
                                    std::uint64_t{ticks_between_notes};
  last_note_ = b.changes;
  with_.note(std::move(b));
  return false;
}

/// A leader takes note of who stops; who stops hears that the leader has done what can be done.
void balancer::on_hand_over(member_id peer, bool is_done) {
  const auto board = with_.board->get();
  if (is_done) {
    if (left_ && peer == board.raft.leader) std::exchange(left_, nullptr)();
    return;
  }
  if (board.raft.now != raft::role::leader) return;
  keeper_.leaves(peer, steady_ms());
  look();
}

void balancer::on_leave(std::function<void()> done) {
  left_ = std::move(done);
  go_on_leaving(with_.board->get());
}

/// Leadership first, then the role. Said again now and then, to whoever leads by then.
void balancer::go_on_leaving(const raft::board_view& board) {
  const auto& raft = board.raft;
  if (raft.now == raft::role::leader) return give_up_leading(board);
  if (!has_role(raft.members, with_.self)) return std::exchange(left_, nullptr)();
  if (raft.leader) with_.send(raft.leader, {false});
}

/// To the voter whose log is longest; if none can be reached, there is nobody to hand over to.
void balancer::give_up_leading(const raft::board_view& board) {
  member_id best;
  log_index longest;
  for (const auto& p : board.raft.progress) {
    if (!raft::is_voter(board.raft.members, p.peer) || !is_up(board, p.peer) || p.condemned ||
        (best && p.match <= longest))
      continue;
    best = p.peer;
    longest = p.match;
  }
  if (!best) return std::exchange(left_, nullptr)();
  with_.let_lead({best});
}

balancer_handle::behavior_type role_balancer(balancer_handle::stateful_pointer<balancer_state> self,
                                             balancer_settings with) {
  raft::stop_on_exception(self, "role balancer", with.stop);
  self->state.balances = std::make_unique<balancer>(std::move(with));
  self->delayed_send(self, self->state.balances->period(), look_again{});
  return {
      [=](look_again) {
        self->state.balances->look();
        self->delayed_send(self, self->state.balances->period(), look_again{});
      },
      [=](look_at_roles) { self->state.balances->look(); },
      [=](const raft::session_changed& m) { self->state.balances->on_session(m.peer, m.is_up); },
      [=](const peer_hands_over& m) { self->state.balances->on_hand_over(m.peer, m.is_done); },
      [=](const leave& m) { self->state.balances->on_leave(m.done); },
  };
}

}  // namespace muster::roles
