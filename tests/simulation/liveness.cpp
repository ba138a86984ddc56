#include "tests/simulation/liveness.hpp"

#include <algorithm>

namespace muster::simulation {

namespace {

using configurations = std::vector<raft::configuration>;

std::string text(std::uint64_t n) { return std::to_string(n); }

std::string text(const std::vector<member_id>& ids) {
  std::string all;
  for (const auto id : ids) all += (all.empty() ? "" : ",") + text(id.value);
  return "{" + all + "}";
}

/// The last configuration up to `committed`, and all behind it.
void add_from(const raft::snapshot_meta& start, const auto& entries, log_index committed,
              configurations& all) {
  configurations found{start.members};
  for (const raft::entry& e : entries) {
    if (e.kind != raft::entry_kind::configuration) continue;
    if (e.index <= committed) found.clear();
    found.push_back(*e.members);
  }
  for (auto& c : found)
    if (!c.voters.empty() && std::find(all.begin(), all.end(), c) == all.end())
      all.push_back(std::move(c));
}

}  // namespace

configurations possible_configurations(cluster& members, const invariants& rules) {
  configurations all;
  const auto last = rules.committed_last();
  const auto term = rules.committed_term(last);
  // A log without the last commit will give way: what it says of members does not count.
  for (auto& n : members.nodes()) {
    const auto& kept = n.m.kept();
    if (n.m.is_damaged() || n.m.started().value == 0) continue;
    if (kept.state()->meta.index > kept.last() && kept.state()->meta.index >= last)
      add_from(kept.state()->meta, std::deque<raft::entry>{}, last, all);
    else if (kept.holds(last, term))
      add_from(kept.start(), kept.entries(), last, all);
    if (!n.m.is_up() || n.m.core().entries().term_at(last) != term) continue;
    const auto& log = n.m.core().entries();
    std::vector<raft::entry> entries;
    for (auto i = log.start().index + 1; i <= log.last(); i = i + 1)
      if (log.at(i).kind == raft::entry_kind::configuration) entries.push_back(log.at(i));
    add_from(log.start(), entries, last, all);
  }
  return all;
}

bool is_core(const std::set<member_id>& ids, const configurations& all) {
  const auto has_majority = [&](const std::vector<member_id>& set) {
    const auto count =
        std::count_if(set.begin(), set.end(), [&](member_id id) { return ids.contains(id); });
    return set.empty() || static_cast<std::size_t>(count) * 2 > set.size();
  };
  return std::all_of(all.begin(), all.end(), [&](const raft::configuration& c) {
    return has_majority(c.voters) && has_majority(c.outgoing);
  });
}

std::set<member_id> draw_core(cluster& members, const invariants& rules, chance& random) {
  const auto all = possible_configurations(members, rules);
  std::vector<member_id> order;
  for (auto& n : members.nodes())
    if (!n.m.is_damaged() && n.m.started().value != 0) order.push_back(n.m.id());
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  // Where others can do without it, nothing may hang on a state that is wrong.
  std::stable_partition(order.begin(), order.end(), [&](member_id id) {
    const auto& m = members.at(id).m;
    return m.kept().is_condemned() || (m.is_up() ? m.state() : *m.kept().state()).is_wrong;
  });
  std::set<member_id> core(order.begin(), order.end());
  if (!is_core(core, all)) return {};
  for (const auto id : order) {
    core.erase(id);
    if (!is_core(core, all)) core.insert(id);
  }
  return core;
}

void heal_core(cluster& members, network& net, const std::set<member_id>& core, chance& random,
               marks& met) {
  net.set({});
  members.leave_power_on();
  for (auto& n : members.nodes()) {
    n.fails_at = stage::none;
    n.disk_is_full = false;
    n.slow_until_ms = 0;
    const auto id = n.m.id();
    if (core.contains(id)) {
      for (const auto other : core) {
        net.mend(id, other);
        net.mend(other, id);
      }
      members.boot(n);
      continue;
    }
    const auto fate = random.below(4);
    if (fate == 0) members.crash(n);
    for (const auto other : core) {
      if (fate != 2) net.cut(id, other);  // 2: it is heard and hears nothing
      if (fate != 3) net.cut(other, id);  // 3: the other way round
      if (fate == 2) net.mend(id, other);
      if (fate == 3) net.mend(other, id);
    }
    met.hit(fate < 2 ? mark::progress_with_others_gone : mark::progress_with_others_disturbing);
  }
  for (const auto a : core)
    for (const auto b : core)
      if (a < b) members.notify_link(a, b, true);
}

void heal_all(cluster& members, network& net) {
  net.mend_all();
  for (auto& n : members.nodes()) members.boot(n);
  for (auto& a : members.nodes())
    for (auto& b : members.nodes())
      if (a.m.id() < b.m.id()) members.notify_link(a.m.id(), b.m.id(), true);
}

std::string explain(cluster& members, const std::set<member_id>& core) {
  auto* leader = members.leader();
  std::string why =
      leader ? "member " + text(leader->m.id().value) + " leads" : "there is no leader";
  if (leader) {
    const auto now = leader->m.core().status();
    if (now.ticks_since_quorum > 2) why += " without a quorum";
    if (now.commit < now.last) why += ", entries do not commit";
    if (leader->m.state().meta.index < now.commit) why += ", commits are not applied";
  }
  why += "; core";
  for (const auto id : core) why += " " + text(id.value);
  for (auto& n : members.nodes()) {
    why += "\n  member " + text(n.m.id().value);
    if (n.m.is_damaged()) why += " is lost";
    if (!n.m.is_up()) {
      why += " is down, log " + text(n.m.kept().start().index.value) + ".." +
             text(n.m.kept().last().value);
      continue;
    }
    const auto& c = n.m.core();
    why += std::string(" ") + raft::name_of(c.role_now()) + " term " + text(c.hard().term.value) +
           " log " + text(c.entries().start().index.value) + ".." + text(c.entries().last().value) +
           " of term " + text(c.entries().last_term().value) + " commit " +
           text(c.commit_index().value) + " voters " + text(c.members().voters);
    if (c.members().is_joint()) why += " outgoing " + text(c.members().outgoing);
    why += " applied " + text(n.m.state().meta.index.value);
    if (n.m.state().is_wrong) why += " wrongly";
    if (c.is_condemned()) why += ", condemned";
  }
  return why;
}

namespace {

bool roles_are_right(const raft::configuration& now, const std::set<member_id>& wanted) {
  const auto all = raft::all_of(now);
  const std::size_t voters = wanted.size() < 3 ? 1 : 3;
  return std::equal(all.begin(), all.end(), wanted.begin(), wanted.end()) &&
         now.voters.size() == voters && !now.is_joint();
}

}  // namespace

bool has_converged(cluster& members) {
  auto* leader = members.leader();
  if (!leader || !roles_are_right(leader->m.core().members(), members.wanted())) return false;
  const auto last = leader->m.core().entries().last();
  for (const auto id : members.wanted()) {
    auto& n = members.at(id);
    if (n.m.is_damaged()) continue;
    if (!n.m.is_up() || n.m.state().meta.index != last || n.m.core().is_condemned() ||
        n.m.state().meta.digest != leader->m.state().meta.digest)
      return false;
  }
  return true;
}

bool are_all_condemned(cluster& members, const std::set<member_id>& core) {
  return std::all_of(core.begin(), core.end(), [&](member_id id) {
    return members.at(id).m.is_up() && members.at(id).m.core().is_condemned();
  });
}

bool are_all_right(cluster& members) {
  return std::none_of(members.wanted().begin(), members.wanted().end(), [&](member_id id) {
    auto& m = members.at(id).m;
    return !m.is_damaged() && (m.is_up() ? m.state() : *m.kept().state()).is_wrong;
  });
}

}  // namespace muster::simulation
