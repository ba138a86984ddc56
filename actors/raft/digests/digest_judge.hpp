#pragma once
#include "actors/raft/digests/digest_ring.hpp"

#include <map>
#include <optional>

namespace muster::raft {

/// What a leader knows of the chains of the others, and what follows from it. Agreement at one
/// entry proves all before it equal, a difference stays: so it does no harm to compare seldom, or
/// not at all where an entry is not kept any more.
class digest_judge {
public:
  void hear(member_id from, chain_point said, const digest_ring& own);
  void forget() { heard_.clear(); }

  /// Whether anybody was last seen to differ.
  [[nodiscard]] bool sees_difference() const;
  [[nodiscard]] bool differs(member_id id) const;
  /// The last that `id` has said of an entry where it differs, and where, or behind it, a quorum
  /// agrees with `self`. Counts against whoever still has that chain: a state that was read anew
  /// from disk may be right. Without a quorum nobody can tell who is right.
  [[nodiscard]] std::optional<chain_point> condemned(member_id id, const configuration& members,
                                                     member_id self) const;
  /// A quorum differs from the own chain and agrees with each other.
  [[nodiscard]] bool is_own_wrong(const configuration& members) const;

private:
  struct record {
    log_index agreed;                 ///< highest index at which it was equal
    std::deque<chain_point> differs;  ///< what it has said since then that was not equal
  };
  static bool agree(const record& a, const record& b);

  std::map<member_id, record> heard_;
};

}  // namespace muster::raft
