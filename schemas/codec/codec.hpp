#pragma once
#include "schemas/basic/blob.hpp"
#include "schemas/basic/result.hpp"
#include "schemas/commands.hpp"
#include "schemas/raft_types.hpp"
#include "schemas/records.hpp"

#include <string>
#include <string_view>
#include <variant>

/// Plain values <-> Cap'n Proto. Each decode checks bounds and gives errc::corrupt on bad bytes.
namespace muster::codec {

blob encode(const object& row);
result<object> decode_row(std::string_view bytes);

blob encode(const command& c);
result<command> decode_command(const blob& bytes);

/// One log entry as kept on disk.
blob encode(const raft::entry& e);
result<raft::entry> decode_entry(std::string_view bytes);
blob encode(const raft::hard_state& h);
result<raft::hard_state> decode_hard_state(std::string_view bytes);
blob encode(const raft::snapshot_meta& m);
result<raft::snapshot_meta> decode_snapshot_meta(std::string_view bytes);

/// First message of a session; says who speaks and what it can.
struct hello {
  std::uint32_t protocol_lowest = 1;
  std::uint32_t protocol_highest = 1;
  std::string cluster_uuid;
  std::uint64_t epoch_counter = 0;
  std::uint64_t epoch_random = 0;
  member_id member;
  incarnation started;
  raft_term term;
  std::uint32_t level = 1;
  std::string version;
  bool operator==(const hello&) const = default;
};
struct beat {
  std::uint64_t wall_ms = 0;  ///< the sender's clock, ms since the epoch; 0: not told
  bool operator==(const beat&) const = default;
};
struct submit {
  std::uint64_t tag = 0;
  blob command;
};
struct submit_refused {
  std::uint64_t tag = 0;
  failure why;
};
struct operation_event {
  std::string json;
};
/// From a member that stops soon: others take over what it is. The leader's answer: done, as far as
/// may be.
struct hand_over {
  bool is_done = false;
};
using link_body =
    std::variant<hello, beat, raft::message, submit, submit_refused, operation_event, hand_over>;
struct link_message {
  std::uint64_t sequence = 0;
  std::uint64_t session = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t deadline_ms = 0;
  link_body body;
};
blob encode(const link_message& m);
/// Payloads of the result share the owner of `bytes`: nothing is copied.
result<link_message> decode_link_message(const blob& bytes);

/// What a joining server sends.
struct join_request {
  std::string name;
  std::string address;
  std::string architecture;
  std::string secret;  ///< of the token; empty if the certificate has claimed it before
  std::vector<member_key> member_config{};
  bool operator==(const join_request&) const = default;
};
/// How to reach a member before the state is here.
struct known_peer {
  member_id id;
  std::string name;
  std::string address;
  std::string fingerprint;
  bool operator==(const known_peer&) const = default;
};
/// What it gets: all it needs to start as a member.
struct join_accepted {
  member_id member;
  std::string cluster_uuid;
  std::uint64_t epoch_counter = 0;
  std::uint64_t epoch_random = 0;
  std::string certificate;
  std::string key;
  std::vector<known_peer> peers;
  bool operator==(const join_accepted&) const = default;
};
blob encode(const join_request& j);
result<join_request> decode_join_request(std::string_view bytes);
blob encode(const join_accepted& j);
result<join_accepted> decode_join_accepted(std::string_view bytes);

/// What a member tells of a snapshot before it gives out chunks of it.
struct snapshot_file {
  std::string name;
  std::uint64_t size_bytes = 0;
  std::string digests;  ///< SHA-256 of each chunk, one behind the other
  bool operator==(const snapshot_file&) const = default;
};
struct snapshot_manifest {
  log_index index;  ///< the state holds this entry and all before it
  std::uint32_t chunk_bytes = 0;
  std::vector<snapshot_file> files;
  bool operator==(const snapshot_manifest&) const = default;
};
blob encode(const snapshot_manifest& m);
result<snapshot_manifest> decode_snapshot_manifest(std::string_view bytes);

/// What a probe is told of a member.
struct probe_report {
  std::string name;
  std::string version;
  std::string role;
  raft_term term;
  std::string leader;
  log_index commit;
  log_index applied;
  std::vector<std::string> members;  ///< those it has a session with, and itself
  std::uint64_t uptime_ms = 0;
  bool operator==(const probe_report&) const = default;
};
blob encode(const probe_report& p);
result<probe_report> decode_probe_report(const blob& bytes);

}  // namespace muster::codec
