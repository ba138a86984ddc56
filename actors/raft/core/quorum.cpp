#include "actors/raft/core/quorum.hpp"

#include <algorithm>
#include <limits>

namespace muster::raft {

namespace {

bool holds(const std::vector<member_id>& sorted, member_id id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

std::uint64_t reached_by(const std::vector<member_id>& set,
                         const std::function<std::uint64_t(member_id)>& reached) {
  if (set.empty()) return std::numeric_limits<std::uint64_t>::max();
  std::vector<std::uint64_t> all;
  for (const auto id : set) all.push_back(reached(id));
  std::sort(all.begin(), all.end(), std::greater<>());
  return all[set.size() / 2];
}

tally count(const std::vector<member_id>& set, const std::map<member_id, bool>& votes) {
  std::size_t yes = 0;
  std::size_t no = 0;
  for (const auto id : set)
    if (const auto vote = votes.find(id); vote != votes.end()) ++(vote->second ? yes : no);
  const auto needed = set.size() / 2 + 1;
  if (set.empty() || yes >= needed) return tally::won;
  return set.size() - no < needed ? tally::lost : tally::open;
}

}  // namespace

std::uint64_t reached_by_quorum(const configuration& members,
                                const std::function<std::uint64_t(member_id)>& reached) {
  if (members.voters.empty()) return 0;
  return std::min(reached_by(members.voters, reached), reached_by(members.outgoing, reached));
}

tally count_votes(const configuration& members, const std::map<member_id, bool>& votes) {
  const auto incoming = count(members.voters, votes);
  const auto outgoing = count(members.outgoing, votes);
  if (incoming == tally::lost || outgoing == tally::lost) return tally::lost;
  if (incoming == tally::won && outgoing == tally::won) return tally::won;
  return tally::open;
}

bool is_voter(const configuration& members, member_id id) {
  return holds(members.voters, id) || holds(members.outgoing, id);
}

std::vector<member_id> all_of(const configuration& members) {
  std::vector<member_id> all;
  for (const auto* set : {&members.voters, &members.outgoing, &members.standbys, &members.spares})
    all.insert(all.end(), set->begin(), set->end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace muster::raft
