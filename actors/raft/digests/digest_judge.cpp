#include "actors/raft/digests/digest_judge.hpp"

#include "actors/raft/core/quorum.hpp"

#include <algorithm>
#include <limits>

namespace muster::raft {

namespace {

constexpr std::size_t kept_max = 64;  ///< of what one member has said

}  // namespace

void digest_judge::hear(member_id from, chain_point said, const digest_ring& own) {
  const auto here = own.at(said.index);
  if (here == 0 || said.digest == 0) return;
  auto& r = heard_[from];
  if (said.index < r.agreed) return;  // said before that, and came later
  if (said.digest == here) {
    r.agreed = said.index;
    r.differs.clear();
  } else if (r.differs.empty() || r.differs.back().index < said.index) {
    r.differs.push_back(said);
    if (r.differs.size() > kept_max) r.differs.pop_front();
  }
}

bool digest_judge::differs(member_id id) const {
  const auto at = heard_.find(id);
  return at != heard_.end() && !at->second.differs.empty();
}

bool digest_judge::sees_difference() const {
  return std::any_of(heard_.begin(), heard_.end(),
                     [](const auto& item) { return !item.second.differs.empty(); });
}

std::optional<chain_point> digest_judge::condemned(member_id id, const configuration& members,
                                                   member_id self) const {
  if (!differs(id)) return std::nullopt;
  const auto agreed = reached_by_quorum(members, [&](member_id voter) {
    if (voter == self) return std::numeric_limits<std::uint64_t>::max();
    const auto at = heard_.find(voter);
    return voter == id || at == heard_.end() ? 0 : at->second.agreed.value;
  });
  const auto& said = heard_.at(id).differs;
  const auto last = std::find_if(said.rbegin(), said.rend(),
                                 [&](const chain_point& x) { return x.index.value <= agreed; });
  return last == said.rend() ? std::nullopt : std::optional(*last);
}

/// Both have said something of one entry, and the same of the last such one.
bool digest_judge::agree(const record& a, const record& b) {
  for (auto x = a.differs.rbegin(); x != a.differs.rend(); ++x)
    for (const auto& y : b.differs)
      if (x->index == y.index) return x->digest == y.digest;
  return false;
}

bool digest_judge::is_own_wrong(const configuration& members) const {
  return std::any_of(heard_.begin(), heard_.end(), [&](const auto& one) {
    return reached_by_quorum(members, [&](member_id voter) -> std::uint64_t {
      const auto at = heard_.find(voter);
      return at != heard_.end() && agree(one.second, at->second) ? 1 : 0;
    });
  });
}

}  // namespace muster::raft
