#include "actors/roles/roles_core.hpp"

#include <algorithm>
#include <tuple>

namespace muster::roles {

namespace {

using chosen = std::vector<const candidate*>;

bool contains(const std::vector<member_id>& ids, member_id id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}
bool contains(const chosen& all, const candidate& c) {
  return std::find(all.begin(), all.end(), &c) != all.end();
}
bool works(const candidate& c) { return c.is_online && !c.is_leaving; }

std::size_t voters_for(std::size_t members, std::size_t voters_max) {
  if (members < 3) return 1;
  const auto most = std::min(members, voters_max);
  return most % 2 ? most : most - 1;
}

std::ptrdiff_t count_in(const chosen& all, const std::string& domain) {
  return std::count_if(all.begin(), all.end(),
                       [&](const candidate* c) { return c->failure_domain == domain; });
}

/// Why somebody has lost its place.
std::string state_of(const candidate* lost) {
  if (!lost) return "which is no member any more";
  return lost->is_leaving ? "which is stopping" : "which is offline";
}

/// One plan in the making.
class planning {
public:
  planning(const raft::configuration& now, const std::vector<candidate>& members, member_id leader,
           const targets& wanted)
      : now_(now), members_(members), leader_(leader), wanted_(wanted) {}

  std::optional<change> make() {
    choose_voters();
    spread_voters();
    choose_standbys();
    change c;
    for (const auto& m : members_) {
      auto& place = contains(voters_, m)     ? c.next.voters
                    : contains(standbys_, m) ? c.next.standbys
                                             : c.next.spares;
      place.push_back(m.id);
    }
    if (voters_.empty()) c.next.voters = now_.voters;  // removed all, until a learner has caught up
    for (auto* set : {&c.next.voters, &c.next.standbys, &c.next.spares})
      std::sort(set->begin(), set->end());
    if (c.next == now_) return std::nullopt;
    give_reasons(c);
    return c;
  }

private:
  [[nodiscard]] bool votes(const candidate& c) const { return contains(now_.voters, c.id); }
  [[nodiscard]] bool may_begin_to_vote(const candidate& c) const {
    return works(c) && c.is_caught_up;
  }

  /// The best of those that `fits` and are not chosen: a failure domain that has none yet, then a
  /// stand-by, then the lowest id.
  template <class F>
  const candidate* best(const chosen& among, F fits) const {
    const candidate* found = nullptr;
    const auto rank = [&](const candidate& c) {
      return std::tuple(count_in(among, c.failure_domain) != 0, c.losses > 1,
                        !contains(now_.standbys, c.id), c.id);
    };
    for (const auto& c : members_)
      if (!contains(voters_, c) && !contains(standbys_, c) && fits(c) &&
          (!found || rank(c) < rank(*found)))
        found = &c;
    return found;
  }

  void choose_voters() {
    for (const auto& c : members_)
      if (votes(c) && (works(c) || c.id == leader_)) voters_.push_back(&c);
    const auto able = static_cast<std::size_t>(
        std::count_if(members_.begin(), members_.end(),
                      [&](const auto& c) { return votes(c) || may_begin_to_vote(c); }));
    count_ = voters_for(members_.size(), wanted_.voters_max);
    if (able < count_) count_ = std::min(able, voters_for(able, wanted_.voters_max));
    while (voters_.size() > count_) drop_a_voter();
    // One more loss would be the end of the quorum: whoever is there helps.
    const bool is_at_stake = voters_.size() <= count_ / 2 + 1;
    while (voters_.size() < count_) {
      const auto* next = best(voters_, [&](const candidate& c) {
        return !votes(c) && may_begin_to_vote(c) && (c.losses < 2 || is_at_stake);
      });
      if (!next) next = best(voters_, [&](const candidate& c) { return votes(c); });
      if (!next) break;
      voters_.push_back(next);
    }
    if (voters_.size() % 2 == 0 && !voters_.empty()) keep_odd();
  }

  /// Not the leader; of a failure domain that has another one; the highest id.
  void drop_a_voter() {
    const auto rank = [&](const candidate* c) {
      return std::tuple(c->id != leader_, count_in(voters_, c->failure_domain) > 1, c->id);
    };
    voters_.erase(std::max_element(voters_.begin(), voters_.end(),
                                   [&](auto* a, auto* b) { return rank(a) < rank(b); }));
  }

  /// Members that flap are wanted after all rather than a cluster resting at an even number.
  void keep_odd() {
    const auto* next =
        best(voters_, [&](const candidate& c) { return !votes(c) && may_begin_to_vote(c); });
    if (next)
      voters_.push_back(next);
    else
      drop_a_voter();
  }

  /// Never two voters in one failure domain while another has a member that could vote.
  void spread_voters() {
    for (;;) {
      const auto* free = best(voters_, [&](const candidate& c) {
        return may_begin_to_vote(c) && c.losses == 0 && count_in(voters_, c.failure_domain) == 0;
      });
      auto crowded = std::find_if(voters_.rbegin(), voters_.rend(), [&](const candidate* c) {
        return c->id != leader_ && count_in(voters_, c->failure_domain) > 1;
      });
      if (!free || crowded == voters_.rend()) return;
      reasons_[free->id] = "voters are spread: failure domain " + free->failure_domain +
                           " had none, " + (*crowded)->failure_domain + " has another";
      reasons_[(*crowded)->id] = reasons_[free->id];
      *crowded = free;
    }
  }

  void choose_standbys() {
    for (const auto& c : members_)
      if (contains(now_.standbys, c.id) && works(c) && !contains(voters_, c) &&
          standbys_.size() < wanted_.standbys_max)
        standbys_.push_back(&c);
    const auto fill = [&](auto fits) {
      while (standbys_.size() < wanted_.standbys_max) {
        const auto* next = best(standbys_, fits);
        if (!next) return;
        standbys_.push_back(next);
      }
    };
    fill([](const candidate& c) { return works(c); });
    fill([&](const candidate& c) { return contains(now_.standbys, c.id); });  // it may come back
  }

  /// Newcomers of a set are told in whose place they come, in order; else what is wanted.
  void give_reasons(change& c) {
    give_reasons(now_.voters, c.next.voters, "voters", wanted_.voters_max);
    give_reasons(now_.standbys, c.next.standbys, "stand-bys", wanted_.standbys_max);
    for (const auto& m : members_) {
      if (std::string_view(role_name(now_, m.id)) == role_name(c.next, m.id)) continue;
      auto& why = reasons_[m.id];
      if (why.empty() && m.is_leaving)
        why = "it is stopping";
      else if (why.empty() && !m.is_online)
        why = "it is offline";
      else if (why.empty())
        why = "others have all places: " + std::to_string(c.next.voters.size()) + " voters, " +
              std::to_string(c.next.standbys.size()) + " stand-bys";
      c.reasons[m.id] = why;
    }
  }

  void give_reasons(const std::vector<member_id>& before, const std::vector<member_id>& after,
                    const char* what, std::size_t most) {
    std::vector<member_id> lost;
    for (const auto id : before)
      if (!contains(after, id) && !reasons_.contains(id)) lost.push_back(id);
    auto next_lost = lost.begin();
    for (const auto id : after) {
      if (contains(before, id) || reasons_.contains(id)) continue;
      auto& why = reasons_[id];
      const candidate* from = nullptr;
      const bool replaces = next_lost != lost.end();
      if (replaces) from = find(*next_lost++);
      if (replaces && (!from || !works(*from)))
        why = "in place of " + (from ? from->name : "a member") + ", " + state_of(from);
      else
        why = "a place is free: up to " + std::to_string(most) + " " + what + " are wanted";
    }
  }

  [[nodiscard]] const candidate* find(member_id id) const {
    const auto at = std::find_if(members_.begin(), members_.end(),
                                 [&](const candidate& c) { return c.id == id; });
    return at == members_.end() ? nullptr : &*at;
  }

  const raft::configuration& now_;
  const std::vector<candidate>& members_;
  const member_id leader_;
  const targets& wanted_;
  std::size_t count_ = 0;
  chosen voters_;
  chosen standbys_;
  std::map<member_id, std::string> reasons_;
};

}  // namespace

std::optional<change> plan(const raft::configuration& now, const std::vector<candidate>& members,
                           member_id leader, const targets& wanted) {
  if (now.is_joint() || members.empty()) return std::nullopt;
  return planning(now, members, leader, wanted).make();
}

const char* role_name(const raft::configuration& in, member_id id) {
  return contains(in.voters, id)     ? "voter"
         : contains(in.standbys, id) ? "stand-by"
         : contains(in.spares, id)   ? "spare"
                                     : "";
}

}  // namespace muster::roles
