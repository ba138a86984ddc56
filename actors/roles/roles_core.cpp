#include "actors/roles/roles_core.hpp"

#include <algorithm>

namespace muster::roles {

namespace {

bool contains(const std::vector<member_id>& ids, member_id id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::size_t voters_for(std::size_t members, std::size_t voters_max) {
  if (members < 3) return 1;
  const auto most = std::min(members, voters_max);
  return most % 2 ? most : most - 1;
}

/// Who should vote, best first: the leader, voters that are online, stand-bys, spares; then the
/// rest.
std::vector<member_id> ranked(const raft::configuration& now, const std::vector<candidate>& members,
                              member_id leader) {
  const auto rank = [&](const candidate& c) {
    if (c.id == leader) return 0;
    const bool votes = contains(now.voters, c.id);
    if (votes && c.is_online) return 1;
    if (!votes && !(c.is_online && c.is_caught_up)) return 5;
    if (votes) return 4;  // offline: swapped as soon as another can take its place
    return contains(now.standbys, c.id) ? 2 : 3;
  };
  auto order = members;
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  std::vector<member_id> ids;
  for (const auto& c : order) ids.push_back(c.id);
  return ids;
}

}  // namespace

std::optional<raft::configuration> plan(const raft::configuration& now,
                                        const std::vector<candidate>& members, member_id leader,
                                        const targets& wanted) {
  if (now.is_joint() || members.empty()) return std::nullopt;
  const auto order = ranked(now, members, leader);
  const auto may_vote = [&](member_id id) {
    if (contains(now.voters, id)) return true;
    const auto c = std::find_if(members.begin(), members.end(),
                                [&](const candidate& m) { return m.id == id; });
    return c->is_online && c->is_caught_up;
  };
  std::vector<member_id> able;
  for (const auto id : order)
    if (may_vote(id)) able.push_back(id);

  raft::configuration next;
  auto count = voters_for(members.size(), wanted.voters_max);
  if (able.size() < count)
    count = std::min(able.size(), voters_for(able.size(), wanted.voters_max));
  next.voters.assign(able.begin(), able.begin() + static_cast<std::ptrdiff_t>(count));
  if (able.empty()) next.voters = now.voters;  // removed all, until a learner has caught up
  for (const auto id : order) {
    if (contains(next.voters, id)) continue;
    auto& place = next.standbys.size() < wanted.standbys_max ? next.standbys : next.spares;
    place.push_back(id);
  }
  for (auto* set : {&next.voters, &next.standbys, &next.spares})
    std::sort(set->begin(), set->end());
  if (next == now) return std::nullopt;
  return next;
}

}  // namespace muster::roles
