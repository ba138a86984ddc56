#include "tests/simulation/faults.hpp"
#include "tests/simulation/liveness.hpp"

#include <algorithm>

namespace muster::simulation {

void faults::join_one() {
  if (members_.nodes().size() >= 8) return;
  members_.boot(members_.add_member());
  met_.hit(mark::member_joined);
}

void faults::leave_one() {
  if (members_.wanted().size() <= 3) return;
  members_.leave(any().m.id());
}

/// Any voters at all: the core has to refuse what is not safe.
void faults::ask_random_members() {
  auto* leader = members_.leader();
  if (!leader) return;
  raft::configuration target;
  for (auto& n : members_.nodes()) {
    if (n.m.is_damaged()) continue;
    if (random_.one_in(2))
      target.voters.push_back(n.m.id());
    else if (random_.one_in(3))
      target.spares.push_back(n.m.id());
    else
      target.standbys.push_back(n.m.id());
  }
  members_.step(*leader, raft::change_members{leader->next_tag++, target});
  met_.hit(mark::random_members_asked);
}

void faults::transfer() {
  if (auto* leader = members_.leader()) members_.step(*leader, raft::transfer{any().m.id()});
}

/// Whether every voter set that may come into force has a majority without it.
bool faults::can_lose(member_id id) {
  std::set<member_id> left;
  for (auto& n : members_.nodes())
    if (n.m.id() != id && !n.m.is_damaged()) left.insert(n.m.id());
  return is_core(left, possible_configurations(members_, rules_));
}

}  // namespace muster::simulation
