#pragma once
#include "actors/raft/append_pace.hpp"
#include "actors/raft/core/raft_core.hpp"
#include "actors/raft/guarded.hpp"
#include "actors/raft/raft_board.hpp"
#include "actors/raft/raft_messages.hpp"
#include "actors/raft/write_rules.hpp"
#include "actors/raft/write_waiters.hpp"
#include "actors/state/cluster_facts.hpp"
#include "schemas/basic/limits.hpp"

#include <caf/io/typed_broker.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>

namespace muster::raft {

struct driver_settings {
  settings core;
  incarnation started;  ///< of this process
  start_state start;
  std::shared_ptr<write_waiters> waiters;
  std::shared_ptr<asked_inbox> inbox;
  std::shared_ptr<raft_board> board;
  log_writer_handle writer;
  applier_handle applier;
  /// Gives a message to the link of a member; must not block. False: no session, nothing was sent.
  std::function<bool(member_id, codec::link_body)> send;
  /// Whether the window of a member's link is full: nothing more can be sent for now.
  std::function<bool(member_id)> is_full;
  /// Starts a download in the background; its end is told by `state_installed` or `fetch_failed`.
  std::function<void(member_id from, const snapshot_meta&)> fetch_snapshot;
  /// Where the oldest snapshot stands that somebody fetches from here.
  std::function<std::optional<log_index>()> snapshot_in_use;
  /// The cluster as applied: who is in it and what is wanted. A tick, and so a heartbeat, is a part
  /// of its election timeout.
  std::function<std::shared_ptr<const state::cluster_facts>()> facts;
  /// The own state has turned out to be wrong, or is right again; must not block.
  std::function<void(bool is_condemned)> show_standing;
  /// Leader: so has the state of another member.
  std::function<void(member_id, bool is_condemned)> note_standing;
  stop_member stop;
  /// The cluster acts at a level that this build does not know.
  std::function<bool()> is_blocked;
  /// For sentences: the name of a member.
  std::function<std::string(member_id)> name_of;
};

/// Drives the raft core: turns messages into inputs, carries outputs out in their order. While one
/// disk write runs, everything that arrives is gathered into the next. Supervised by the node.
class driver {
public:
  driver(raft_handle::broker_pointer self, driver_settings with);

  /// Looks at deadlines; ticks the core when its time has come.
  void on_beat();
  /// Deadlines do not wait for the long ticks of members far apart.
  [[nodiscard]] std::chrono::milliseconds beat_period() const {
    return std::min<std::chrono::milliseconds>(tick_period_, limits::expiry_period);
  }
  void on_inbox();
  void on_link(member_id peer, const codec::link_body& body);
  void on_session(member_id peer, bool is_up);
  void on_written(const batch_written& done);
  void on_applied(const applied_report& report);
  void on_flushed(const snapshot_meta& at);
  void on_installed(const snapshot_meta& at);
  void on_fetch_failed() { fetching_ = false; }
  void carry_out_now();
  void on_wish(wish_members wish);
  void on_let_lead(member_id next);

private:
  struct unsettled {
    write_ptr write;
    bool sent = false;
    member_id to{};            ///< who has the last copy
    unsigned copies = 0;       ///< that were sent
    bool is_answered = false;  ///< refused; nothing of it is sent any more
  };
  struct remote_write {
    member_id peer;
    std::uint64_t tag = 0;
  };

  void tick_core();
  void step(const input& in);
  void answer_askers();
  void answer_reads();
  void hand_to_writer();
  [[nodiscard]] bool may_apply_later() const;
  void hand_to_applier();
  /// @param from who refuses; none: the own core.
  void settle_refusal(const proposal_refused& r, member_id from);
  void try_send(unsettled& u);
  void try_send_all();
  void on_submit(member_id peer, const codec::submit& s);
  [[nodiscard]] bool is_beyond_its_level(const message& m) const;
  void expire_writes();
  void expire_reads();
  void on_write(const write_ptr& write);
  void on_read(const read_ptr& read);
  void ask_read(const read_ptr& read);
  void try_wish();
  void follow_standing();
  void follow_pace();
  void reach(log_index index);
  void maybe_flush();
  [[nodiscard]] bool keeps_log(log_index cut) const;
  void show_board();
  void send_all(std::vector<message>& messages);
  [[nodiscard]] bool reaches_quorum() const;
  [[nodiscard]] std::chrono::milliseconds quorum_silence() const;
  /// Without a quorum for longer, nothing can be promised.
  [[nodiscard]] std::chrono::milliseconds silence_max() const;
  [[nodiscard]] failure no_quorum() const;

  raft_handle::broker_pointer self_;
  driver_settings with_;
  core core_;
  output out_;  ///< gathered since the last carry_out_now
  bool carry_out_asked_ = false;
  bool writing_ = false;                       ///< the log writer is at work
  std::vector<message> after_write_;           ///< messages that wait for the write at work
  std::map<std::uint64_t, unsettled> writes_;  ///< own writes by sequence
  std::map<std::uint64_t, remote_write> remote_writes_;  ///< by tag given to the core
  tag_source tags_;
  stamp_clock stamps_;
  std::map<std::uint64_t, read_ptr> asked_reads_;     ///< by tag, at the core
  std::vector<read_ptr> waiting_reads_;               ///< no leader yet
  std::multimap<log_index, read_ptr> indexed_reads_;  ///< wait for apply
  std::set<member_id> sessions_;
  log_index applied_;
  member_id last_leader_;
  raft_term last_term_;
  std::uint64_t ticks_ = 0;
  std::chrono::milliseconds tick_period_{};
  clock::time_point next_tick_;
  std::uint64_t entries_since_flush_ = 0;
  std::size_t bytes_since_flush_ = 0;
  std::size_t bytes_kept_ = 0;  ///< of entries that would have been cut but for a snapshot
  snapshot_meta last_flushed_;
  bool flushing_ = false;
  bool fetching_ = false;
  bool is_condemned_ = false;  ///< as the node was told
  append_pace pace_;
  std::optional<wish_members> wish_;
};

/// What is said while the state of a member is wrong.
failure condemned_failure();

struct raft_actor_state {
  std::unique_ptr<driver> drive;
  static inline const char* name = "raft";
};

/// A broker that owns no connection: it runs on the multiplexer's thread, as the links do, so that
/// a message between members wakes no other thread on its way to the raft core.
raft_handle::behavior_type raft_actor(raft_handle::stateful_broker_pointer<raft_actor_state> self,
                                      driver_settings with);

}  // namespace muster::raft
