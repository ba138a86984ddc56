#pragma once
#include "actors/raft/core/log.hpp"
#include "actors/raft/core/progress.hpp"
#include "actors/raft/core/quorum.hpp"
#include "actors/raft/core/raft_io.hpp"
#include "actors/raft/digests/digest_judge.hpp"

#include <map>
#include <optional>

namespace muster::raft {

/// Decides terms, votes, log, commit, membership and reads of one member. Pure: no clock, chance,
/// thread, disk or socket. Raft with pre-vote, check-quorum, joint membership, learners, read
/// index.
class core {
public:
  core(settings with, start_state start);

  /// Applies one input and adds what it causes to `out`. Appends, commits and read rounds are left
  /// to `finish`, so that many inputs share them.
  void step(const input& in, output& out);
  /// Makes the messages that the steps since the last call have led to. Call before carrying out.
  void finish(output& out);
  /// Both, for one input.
  [[nodiscard]] output step(const input& in);

  /// From now on so many appends are on their way to a follower at most.
  void allow_appends(std::size_t inflight_max) { with_.inflight_appends_max = inflight_max; }

  /// This member cannot apply what others can: it votes and keeps the log, but never leads.
  void forbid_leading() { may_lead_ = false; }

  [[nodiscard]] status_view status() const;
  [[nodiscard]] role role_now() const { return role_; }
  [[nodiscard]] member_id leader() const { return leader_; }
  [[nodiscard]] const configuration& members() const { return members_; }
  [[nodiscard]] log_index last_index() const { return log_.last(); }
  /// The configuration in use is not committed yet, or not the last of its change.
  [[nodiscard]] bool is_changing_members() const {
    return members_.is_joint() || members_index_ > commit_;
  }
  [[nodiscard]] std::uint32_t ticks_silent() const { return ticks_silent_; }
  [[nodiscard]] const log& entries() const { return log_; }
  [[nodiscard]] const hard_state& hard() const { return hard_; }
  [[nodiscard]] log_index commit_index() const { return commit_; }
  [[nodiscard]] log_index durable_index() const { return durable_; }
  [[nodiscard]] log_index applied_index() const { return applied_; }
  /// The state here is wrong: it must not be shown or sent to anybody.
  [[nodiscard]] bool is_condemned() const { return condemned_; }

private:
  struct waiting_read {
    std::uint64_t tag = 0;
    member_id from;           ///< self, or the follower that asked
    log_index index;          ///< commit when it was asked
    std::uint64_t round = 0;  ///< 0: not yet in a round
  };
  struct forwarded_read {
    std::uint64_t tag = 0;
    std::uint32_t ticks = 0;
  };

  // Inputs (raft_core.cpp).
  void on(const tick& t, output& out);
  void on(const received& r, output& out);
  void on(const propose& p, output& out);
  void on(const change_members& c, output& out);
  void on(const read& r, output& out);
  void on(const transfer& t, output& out);
  void on(const durable& d, output& out);
  void on(const applied& a, output& out);
  void on(const link_down& l, output& out);
  void on(const link_up& l, output& out);
  void on(const snapshot_installed& s, output& out);
  void on(const compact& c, output& out);

  // Messages of other members.
  void take(const message& m, const vote_request& b, output& out);
  void take(const message& m, const vote_response& b, output& out);
  void take(const message& m, const append_request& b, output& out);
  void take(const message& m, const append_response& b, output& out);
  void take(const message& m, const heartbeat& b, output& out);
  void take(const message& m, const heartbeat_response& b, output& out);
  void take(const message& m, const read_request& b, output& out);
  void take(const message& m, const read_response& b, output& out);
  void take(const message& m, const snapshot_offer& b, output& out);
  void take(const message& m, const timeout_now& b, output& out);

  // Elections (election.cpp).
  void become_follower(raft_term term, member_id leader, output& out);
  void become_leader(output& out);
  void campaign(bool is_pre, bool disruptive, output& out);
  void record_vote(member_id from, bool granted, output& out);
  [[nodiscard]] bool may_campaign() const;
  [[nodiscard]] bool hears_leader() const;
  void draw_timeout();
  void tick_follower(output& out);
  void tick_leader(output& out);
  void set_hard(raft_term term, member_id vote, output& out);

  // Replication (replication.cpp).
  void append_own(entry e, output& out);
  void send_appends(member_id to, progress& p, output& out);
  void send_one_append(member_id to, progress& p, std::vector<entry> part, output& out);
  void offer_snapshot(member_id to, progress& p, output& out);
  void send_heartbeats(output& out);
  void advance_commit(output& out);
  void set_commit(log_index to, output& out);
  void take_entries(const message& m, const append_request& b, output& out);
  void acknowledge_append(member_id to, log_index match, output& out);

  // Membership (membership.cpp).
  void use_members();
  void sync_progress();
  void after_commit_of_members(output& out);
  [[nodiscard]] std::optional<failure> why_not(const configuration& target) const;

  // Reads (reads.cpp).
  void ask_read(std::uint64_t tag, member_id from, output& out);
  void start_round(output& out);
  void answer_reads(output& out);
  void answer(const waiting_read& r, output& out);
  void refuse_reads(const failure& why, output& out);
  /// Its session has ended: whoever asked there is gone, or asks again.
  void drop_reads_of(member_id peer);

  // Members whose state is wrong (condemned.cpp).
  void hear_chain(member_id from, progress& p, chain_point said, output& out);
  [[nodiscard]] chain_point verdict_on(member_id id) const;
  void hear_verdict(chain_point differs, output& out);
  void condemn(output& out);
  void judge_self(output& out);
  void hand_over(output& out);
  void ask_for_state(member_id from, output& out);
  void replace_state(const snapshot_meta& by);
  void serve_when_whole(output& out);
  [[nodiscard]] bool gives_out() const { return !condemned_ || whole_from_; }

  void send(member_id to, message_body body, output& out);
  void send_after_durable(member_id to, message_body body, output& out);
  [[nodiscard]] bool leads_by_own_vote_only() const;
  [[nodiscard]] bool has_committed_in_term() const;
  [[nodiscard]] std::uint64_t chance(std::uint64_t below);

  settings with_;
  log log_;
  hard_state hard_;
  role role_ = role::follower;
  member_id leader_;
  log_index commit_;
  log_index applied_;
  log_index durable_;
  log_index given_;  ///< committed entries handed out up to here
  configuration members_;
  log_index members_index_;
  std::uint64_t now_ms_ = 0;
  std::uint64_t chance_;

  std::uint32_t ticks_ = 0;  ///< follower: since the leader was heard or a vote given
  std::uint32_t timeout_ = 0;
  std::uint32_t ticks_silent_ = 0;  ///< since quorum contact
  bool lost_leader_link_ = false;
  bool may_lead_ = true;
  std::map<member_id, bool> votes_;

  std::map<member_id, progress> progress_;  ///< leader: everybody else
  std::uint32_t ticks_to_heartbeat_ = 0;
  std::size_t uncommitted_bytes_ = 0;
  member_id transfer_to_;
  std::uint32_t transfer_ticks_ = 0;
  std::vector<waiting_read> reads_;
  std::uint64_t read_round_ = 0;       ///< last one begun
  std::uint64_t confirmed_round_ = 0;  ///< last one that a quorum has answered
  std::map<std::uint64_t, forwarded_read> forwarded_;

  digest_ring digests_;
  digest_judge judge_;  ///< leader
  bool condemned_ = false;
  std::optional<log_index> whole_from_;  ///< condemned, and its state was replaced
  std::uint32_t ask_ticks_ = 0;          ///< until a condemned one asks again
};

}  // namespace muster::raft
