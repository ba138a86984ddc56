#pragma once
#include "schemas/raft_types.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

/// Decides who is voter, stand-by and spare. Pure: the leader's raft actor asks, and asks again
/// later.
namespace muster::roles {

struct candidate {
  member_id id;
  std::string name;
  std::string failure_domain;
  bool is_online = false;
  /// Its durable log has reached the leader's commit index.
  bool is_caught_up = false;
  /// It is about to stop and hands over what it is.
  bool is_leaving = false;
  /// How often its session was lost within the last minute.
  unsigned losses = 0;
  bool operator==(const candidate&) const = default;
};

struct targets {
  std::size_t voters_max = 3;
  std::size_t standbys_max = 2;
  bool operator==(const targets&) const = default;
};

struct change {
  raft::configuration next;
  std::map<member_id, std::string> reasons;  ///< of every member whose role is another in `next`
};

/// The next configuration to change to; none if all is as it should be or nothing can be done yet.
/// Rules: every member of the cluster is in it, nobody else. One or two members: one voter; three
/// and more: an odd number up to voters_max. Who votes or stands by and is online goes on; its
/// place is taken, in one change, by whoever is online, caught up and best: of a failure domain
/// that has none yet, then a stand-by before a spare, then the lowest id. A member lost twice
/// within a minute does not become voter unless one more loss would be the end of the quorum. A
/// voter gives way to a member of a failure domain without one, if that was not lost lately.
std::optional<change> plan(const raft::configuration& now, const std::vector<candidate>& members,
                           member_id leader, const targets& wanted);

/// "voter", "stand-by", "spare"; empty if it is not in the configuration.
const char* role_name(const raft::configuration& in, member_id id);

}  // namespace muster::roles
