#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/raft_types.hpp"

#include <optional>
#include <variant>
#include <vector>

/// What goes into the raft core and what comes out. Values only.
namespace muster::raft {

struct settings {
  member_id self;
  std::uint32_t election_ticks = 5;  ///< base; each timeout is drawn from [base, 2*base)
  std::uint32_t heartbeat_ticks = 1;
  std::size_t append_bytes_max = 1u << 20;        ///< one append request
  std::size_t inflight_bytes_max = 8u << 20;      ///< window per follower
  std::size_t inflight_appends_max = 2;           ///< to a follower; what comes meanwhile gathers
  std::size_t uncommitted_bytes_max = 64u << 20;  ///< leader refuses proposals above: errc::busy
  std::uint32_t reads_waiting_max = 4096;         ///< errc::busy above
  std::uint64_t seed = 0;                         ///< chance for election timeouts
};

/// What the disk held at start.
struct start_state {
  hard_state hard;
  snapshot_meta snapshot;  ///< index 0: none. Its configuration is used if no later entry holds one
  std::vector<entry> entries;  ///< consecutive, first = snapshot.index + 1
  log_index applied;           ///< ≥ snapshot.index; entries up to here are not given out again
  std::uint64_t digest = 0;    ///< of the chain after `applied`
  bool condemned = false;      ///< the state is known to be wrong
};

// --- inputs
struct tick {
  std::uint64_t now_ms = 0;
};  ///< wall clock for stamps only; time passes by ticks
struct received {
  message msg;
};
struct propose {
  std::uint64_t tag = 0;
  blob command;
  member_id from = {};  ///< the follower that passed it on and waits for its commit; none: own
};
/// Leader only. `target` has no outgoing set; the core goes through the joint state by itself.
struct change_members {
  std::uint64_t tag = 0;
  configuration target;
};
struct read {
  std::uint64_t tag = 0;
};
struct transfer {
  member_id to;
};
/// The log writer has synced everything up to here (index, term: ignored if the log has moved on).
struct durable {
  log_index index;
  raft_term term;
};
struct applied {
  log_index index;
  std::vector<std::uint64_t> digests = {};  ///< of the chain after the last entries up to `index`
};
/// The session to a member ended or began. Losing the leader's own session starts a pre-vote at
/// once.
struct link_down {
  member_id peer;
};
struct link_up {
  member_id peer;
};
/// The state store was replaced by this snapshot, durably.
struct snapshot_installed {
  snapshot_meta meta;
};
/// Entries up to here may leave the log (the state store has them flushed and synced).
struct compact {
  snapshot_meta meta;
};

using input = std::variant<tick, received, propose, change_members, read, transfer, durable,
                           applied, link_down, link_up, snapshot_installed, compact>;

// --- outputs
enum class role : std::uint8_t { follower, pre_candidate, candidate, leader };
constexpr const char* name_of(role r) {
  return r == role::leader ? "leader" : r == role::follower ? "follower" : "candidate";
}

struct proposed {
  std::uint64_t tag = 0;
  log_index index;
  raft_term term;
};
struct proposal_refused {
  std::uint64_t tag = 0;
  failure why;
};
struct read_ready {
  std::uint64_t tag = 0;
  log_index index;
};
struct read_refused {
  std::uint64_t tag = 0;
  failure why;
};

/// Everything one step caused, in the order the driver carries it out.
struct output {
  /// (1) One synced write: hard state; then, if given, all entries go and the log begins behind
  /// `begins_behind`; then entries: those at or behind entries.front().index that the disk holds
  /// are replaced.
  std::optional<hard_state> hard;
  std::optional<snapshot_meta> begins_behind;
  std::vector<entry> entries;
  /// (2) May be sent at once, beside the write: append requests, heartbeats, pre-votes, reads.
  std::vector<message> messages;
  /// (3) Only after the write of this output and of all before it: votes, vote answers, append
  /// answers.
  std::vector<message> messages_after_durable;
  /// (4) Newly committed entries in order; also noop and configuration entries.
  std::vector<entry> committed;
  /// (5) Answers to askers.
  std::vector<proposed> accepted;
  std::vector<proposal_refused> refused;
  std::vector<read_ready> reads;
  std::vector<read_refused> reads_refused;
  /// (6) A snapshot offered by the leader, or asked for by a condemned member, that it must fetch
  /// and install. Entries committed meanwhile are given out again from the installed one on.
  std::optional<snapshot_meta> fetch_snapshot;
  member_id fetch_from;
  /// (7) Leader: whose state has turned out to be wrong (true), or is right again.
  std::vector<std::pair<member_id, bool>> standings;
  /// True if role, term, leader, configuration or standing differ from before the step.
  bool status_changed = false;
};

/// What others see of a core.
struct progress_view {
  member_id peer;
  log_index match;
  log_index applied;  ///< as it has told in this term
  bool active = false;
  bool differs = false;    ///< its chain was last seen to differ from the leader's
  bool condemned = false;  ///< a quorum says so, or it says so itself
};
struct status_view {
  role now = role::follower;
  raft_term term;
  member_id leader;  ///< none if unknown
  log_index commit;
  log_index last;
  raft_term last_term;  ///< of the entry there
  log_index first;      ///< first index still in the log
  configuration members;
  std::vector<progress_view> progress;  ///< leader only
  std::uint32_t ticks_since_quorum =
      0;  ///< leader: since a quorum answered; follower: since the leader was heard
  bool condemned = false;         ///< the state here is wrong and shown to nobody
  bool changing_members = false;  ///< `members` is not committed yet, or not the last of its change
};

}  // namespace muster::raft
