#include "tests/simulation/faults.hpp"

namespace muster::simulation {

void faults::change_weather() {
  weather w;
  const auto often = [&](std::uint64_t most) {
    return random_.one_in(2) ? random_.below(most) : 0;
  };
  w.lost_per_mille = often(200);
  w.twice_per_mille = often(100);
  w.overtaken_per_mille = often(400);
  w.late_per_mille = often(20);
  w.delay_ms_max = random_.one_in(4) ? 300 : 10;
  net_.set(w);
}

/// A session dies with its link; without sessions the members hear of it or they do not.
void faults::lose_link(member_id from, member_id to, bool both_ways) {
  net_.cut(from, to);
  if (both_ways) net_.cut(to, from);
  if (!net_.has_sessions()) {
    if (both_ways && random_.one_in(2)) members_.notify_link(from, to, false);
    return;
  }
  net_.end_session(from, to);
  if (both_ways) members_.notify_link(from, to, false);
}

void faults::part() {
  std::set<member_id> side;
  for (auto& n : members_.nodes())
    if (random_.one_in(2)) side.insert(n.m.id());
  for (const auto a : side)
    for (auto& n : members_.nodes())
      if (!side.contains(n.m.id())) lose_link(a, n.m.id(), true);
  met_.hit(mark::partition);
}

void faults::part_one_way() {
  const auto from = any().m.id();
  const bool is_whole = random_.one_in(2);
  const auto only = any().m.id();
  const bool hears = random_.one_in(2);
  for (auto& n : members_.nodes()) {
    if (n.m.id() == from || (!is_whole && n.m.id() != only)) continue;
    if (hears)
      lose_link(from, n.m.id(), false);
    else
      lose_link(n.m.id(), from, false);
    met_.hit(mark::partition_one_way);
  }
}

void faults::cut_off_leader() {
  auto* leader = members_.leader();
  if (!leader) return;
  for (auto& n : members_.nodes())
    if (&n != leader) lose_link(leader->m.id(), n.m.id(), true);
  met_.hit(mark::partition);
}

void faults::mend() {
  net_.mend_all();
  for (auto& a : members_.nodes())
    for (auto& b : members_.nodes())
      if (a.m.id() < b.m.id() && a.m.is_up() && b.m.is_up() && random_.one_in(2))
        members_.notify_link(a.m.id(), b.m.id(), true);
}

}  // namespace muster::simulation
