#pragma once
#include "schemas/raft_types.hpp"

#include <optional>
#include <vector>

/// Decides who is voter, stand-by and spare. Pure: the leader's raft actor asks, and asks again
/// later.
namespace muster::roles {

struct candidate {
  member_id id;
  bool is_online = false;
  /// Its durable log has reached the leader's commit index.
  bool is_caught_up = false;
  bool operator==(const candidate&) const = default;
};

struct targets {
  std::size_t voters_max = 3;
  std::size_t standbys_max = 2;
};

/// The next configuration to change to; none if all is as it should be or nothing can be done yet.
/// Rules: every member of the cluster is in it, nobody else; one or two members: one voter; three
/// and more: an odd number of voters up to voters_max, chosen from those caught up; voters stay
/// while they are members and online; a dead voter is swapped for a stand-by in one change.
std::optional<raft::configuration> plan(const raft::configuration& now,
                                        const std::vector<candidate>& members, member_id leader,
                                        const targets& wanted);

}  // namespace muster::roles
