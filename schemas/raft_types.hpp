#pragma once
#include "schemas/basic/blob.hpp"
#include "schemas/basic/strong.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What raft members say to each other and keep on disk. Raft = Ongaro & Ousterhout 2014;
/// thesis = Ongaro 2014.
namespace muster::raft {

/// Who takes part, and as what. The one thing that tells voter, stand-by and spare apart.
/// All vectors are sorted and disjoint, except that a member of `outgoing` may stand in any other.
struct configuration {
  std::vector<member_id> voters;    ///< incoming set (Raft §6, C_new)
  std::vector<member_id> outgoing;  ///< empty unless joint (Raft §6, C_old)
  std::vector<member_id> standbys;  ///< learners that may be promoted first
  std::vector<member_id> spares;    ///< learners nothing waits for
  [[nodiscard]] bool is_joint() const { return !outgoing.empty(); }
  bool operator==(const configuration&) const = default;
};

enum class entry_kind : std::uint8_t { command, noop, configuration };

/// One entry of the log. `payload` of a command is a Cap'n Proto message that raft never reads.
struct entry {
  raft_term term;
  log_index index;
  entry_kind kind = entry_kind::command;
  std::uint64_t stamp_ms = 0;  ///< leader's wall clock, never lower than the entry before
  blob payload;                ///< command
  std::shared_ptr<const configuration> members;  ///< set if kind == configuration
  [[nodiscard]] std::size_t size_bytes() const { return payload.size_bytes() + 64; }
  bool operator==(const entry& o) const {
    return term == o.term && index == o.index && kind == o.kind && stamp_ms == o.stamp_ms &&
           payload == o.payload &&
           (members == o.members || (members && o.members && *members == *o.members));
  }
};

/// Must be durable before any message that depends on it is sent (Raft figure 2, "persistent
/// state").
struct hard_state {
  raft_term term;
  member_id vote;
  bool operator==(const hard_state&) const = default;
};

/// Where a snapshot stands; read from inside the checkpoint.
struct snapshot_meta {
  log_index index;
  raft_term term;
  std::uint64_t stamp_ms = 0;
  configuration members;
  std::uint64_t digest = 0;  ///< of the chain (schemas/chain.hpp); 0: not known
  bool operator==(const snapshot_meta&) const = default;
};

/// The digest of a member's chain after an entry (schemas/chain.hpp); 0: not known.
struct chain_point {
  log_index index;
  std::uint64_t digest = 0;
  bool operator==(const chain_point&) const = default;
};

/// Pre-vote and vote share one request (thesis §9.6). A transfer sets `disruptive` (thesis §4.2.3).
struct vote_request {
  bool is_pre = false;
  bool disruptive = false;
  log_index last_index;
  raft_term last_term;
};
struct vote_response {
  bool is_pre = false;
  bool granted = false;
};
struct append_request {
  log_index previous_index;
  raft_term previous_term;
  log_index commit;
  std::vector<entry> entries;
};
/// `match` of a success is DURABLE at the sender. A reject carries a hint for the next probe.
struct append_response {
  bool rejected = false;
  log_index match;           ///< success: highest index known equal to the leader's and durable
  log_index rejected_at;     ///< reject: previous_index of the refused request
  log_index hint_index;      ///< reject: try this as the next previous_index
  raft_term hint_term;       ///< reject: term at hint_index in the follower's log
  chain_point applied = {};  ///< success: where the sender's state stands
};
/// Never waits for a disk. `commit` is bounded by the follower's durable match.
struct heartbeat {
  log_index commit;
  std::uint64_t read_round = 0;  ///< highest read round this heartbeat confirms (thesis §6.4)
  /// What the receiver has said of its chain, which differs from a quorum's.
  chain_point condemned = {};
};
struct heartbeat_response {
  std::uint64_t read_round = 0;
  chain_point applied = {};
  bool condemned = false;  ///< the sender knows that its state is wrong
};
/// Read index, asked by a follower; `tag` belongs to the asker.
struct read_request {
  std::uint64_t tag = 0;
};
struct read_response {
  std::uint64_t tag = 0;
  bool refused = false;
  log_index index;
};
/// Tells the follower to fetch a snapshot by bulk transfer; answered by append_response when
/// installed.
struct snapshot_offer {
  snapshot_meta meta;
};
/// The target starts an election at once (thesis §3.10).
struct timeout_now {};

using message_body =
    std::variant<vote_request, vote_response, append_request, append_response, heartbeat,
                 heartbeat_response, read_request, read_response, snapshot_offer, timeout_now>;

struct message {
  member_id from;
  member_id to;
  raft_term term;
  message_body body;
};

}  // namespace muster::raft
