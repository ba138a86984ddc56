#pragma once
#include "schemas/raft_types.hpp"

#include <functional>
#include <map>

namespace muster::raft {

/// Highest number that a majority of both voter sets has reached.
/// @param reached per voter; 0 if unknown. @return 0 if a set has no majority. Source: Raft §5.3,
/// §6.
std::uint64_t reached_by_quorum(const configuration& members,
                                const std::function<std::uint64_t(member_id)>& reached);

enum class tally : std::uint8_t { open, won, lost };
/// Outcome of an election; both sets must agree (Raft §6).
tally count_votes(const configuration& members, const std::map<member_id, bool>& votes);

/// In the incoming or the outgoing set.
bool is_voter(const configuration& members, member_id id);
/// Every member of the configuration once, in id order.
std::vector<member_id> all_of(const configuration& members);

}  // namespace muster::raft
