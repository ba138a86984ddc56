#pragma once
#include "tests/simulation/members/cluster.hpp"

namespace muster::simulation {

/// Configurations that are in force or may come into force: the last committed one and all behind
/// it, in any log that still exists.
std::vector<raft::configuration> possible_configurations(cluster& members, const invariants& rules);
/// A majority of every voter set.
bool is_core(const std::set<member_id>& ids, const std::vector<raft::configuration>& all);
/// As few members as can go on without the others. Empty: no set of undamaged members can.
std::set<member_id> draw_core(cluster& members, const invariants& rules, chance& random);
/// Makes the faults of all others permanent, and those of the core good.
void heal_core(cluster& members, network& net, const std::set<member_id>& core, chance& random,
               marks& met);
void heal_all(cluster& members, network& net);
/// Why nothing moves.
std::string explain(cluster& members, const std::set<member_id>& core);
/// All members of the cluster have applied the same, and each has its role: an odd number of voters
/// up to three, one of one or two members; nobody else is in the configuration.
bool has_converged(cluster& members);
/// Nobody among them has a state to show.
bool are_all_condemned(cluster& members, const std::set<member_id>& core);
/// No state of a member that belongs to the cluster is wrong.
bool are_all_right(cluster& members);

}  // namespace muster::simulation
