#pragma once
#include "actors/raft/core/raft_core.hpp"
#include "tests/simulation/world/disk.hpp"

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster::simulation {

inline std::string told(member_id id) { return "member " + std::to_string(id.value); }

/// What must hold of a whole cluster, checked after every step of every member, each rule by name.
/// Knows more than any member: all disks, all votes, every entry ever written. Costs what is new.
class invariants {
public:
  void add(member_id id, const disk& kept) { disks_[id] = &kept; }
  /// A core was made from its disk.
  void started(member_id id, const raft::core& c);
  void stepped(member_id id, const raft::core& c, const raft::input& in);
  /// A message leaves the member.
  void sending(member_id id, const raft::core& c, const raft::message& m);
  /// A write has reached the disk, whether the member hears of it or not.
  void synced(member_id id);
  void applied(member_id id, const raft::entry& e, const saved_state& state);
  void installed(member_id id, const saved_state& state);
  /// A member takes its own state for wrong. @param most_are_right of the voters.
  void condemned(member_id id, const saved_state& state, bool most_are_right);
  /// Most voters have a wrong state, or one has come to members that had a right one: what most say
  /// is not what entries did, and nothing tells any more who is right.
  void let_wrong_prevail() { wrong_prevails_ = true; }
  [[nodiscard]] bool does_wrong_prevail() const { return wrong_prevails_; }
  /// A client was told of a write in this entry.
  void acknowledged(log_index at);
  /// A read that began when `floor` was acknowledged is answered as of `index`.
  void read(log_index floor, log_index index);

  /// Leaves out the rules about how members come to agree: what is wrong must show in what they
  /// apply and in what clients see. A test of the workload.
  void check_only_outcomes() { only_outcomes_ = true; }

  /// The first rule that was broken, and how; empty: none.
  [[nodiscard]] const std::string& violation() const { return violation_; }
  void fail(const std::string& rule, const std::string& what);
  [[nodiscard]] log_index acknowledged_index() const { return acknowledged_; }
  [[nodiscard]] log_index committed_last() const { return {committed_.size() - 1}; }
  [[nodiscard]] raft_term committed_term(log_index i) const { return committed_[i.value]; }
  [[nodiscard]] std::uint64_t checks() const { return checks_; }

private:
  struct seen {
    raft::role role = raft::role::follower;
    raft_term term;
    log_index commit;
    log_index last;
    raft_term last_term;
    raft::configuration members;
  };
  struct step {
    member_id id;
    const raft::core& core;
    const raft::input& in;
    const seen& before;
    seen now;
    log_index changed;  ///< entries from here on may be new
  };
  struct written {
    raft::entry entry;
    std::optional<raft_term> previous;
    member_id by;
  };
  struct election {
    member_id leader;
    raft::configuration members;
    bool is_checked = false;
  };

  static seen look(const raft::core& c);
  [[nodiscard]] static log_index first_changed(const step& s);
  [[nodiscard]] static bool has_majorities(const raft::configuration& members,
                                           const std::function<bool(member_id)>& has);

  // Terms and elections (invariants_election.cpp).
  void term_is_monotone(member_id id, raft_term before, raft_term now);
  void election_safety(const step& s);
  void leader_stays_leader_in_its_term(const step& s);
  void leader_completeness(const step& s);
  void leader_has_durable_votes_of_a_quorum(raft_term term);
  void one_vote_a_term(member_id id);
  void forget_untold_terms(member_id id, raft_term synced);
  void vote_is_durable_before_reply(member_id id, const raft::message& m);

  // Log and commit (invariants_log.cpp).
  void log_matching(const step& s);
  void log_terms_and_stamps_rise(const step& s);
  void leader_append_only(const step& s);
  void commit_is_monotone(const step& s);
  void commit_is_durable_on_a_quorum(const step& s);
  void commit_by_count_is_of_own_term(const step& s);
  void committed_entries_agree(const step& s);
  void bounds_are_in_order(const step& s);
  void append_reply_is_durable(member_id id, const raft::core& c, const raft::message& m);
  void state_machine_safety(member_id id, const raft::entry& e);
  void apply_is_deterministic(member_id id, const saved_state& state);
  void chain_tells(member_id id, const saved_state& state);

  // Membership (invariants_members.cpp).
  void configuration_in_force_is_the_last(const step& s);
  void change_goes_through_joint(const step& s, const raft::configuration& next);
  void one_change_in_flight(const step& s);
  void promoted_has_caught_up(const step& s, const raft::configuration& next);
  void new_configurations(const step& s);

  std::string violation_;
  std::uint64_t checks_ = 0;
  bool only_outcomes_ = false;
  std::map<member_id, const disk*> disks_;
  std::map<member_id, seen> seen_;
  std::map<member_id, raft::hard_state> durable_;
  std::map<raft_term, election> elections_;
  std::map<raft_term, std::map<member_id, member_id>> votes_;  ///< as synced
  std::map<raft_term, log_index> committed_in_;                ///< highest, by the leader's term
  std::vector<raft_term> committed_{raft_term{}};              ///< by index
  std::vector<std::uint64_t> digests_{0};                      ///< by index; 0: not yet known
  std::vector<std::uint64_t> chains_{0};                       ///< as `digests_`
  bool wrong_prevails_ = false;
  std::unordered_map<std::uint64_t, written> written_;  ///< by index and term
  log_index acknowledged_;
};

}  // namespace muster::simulation
