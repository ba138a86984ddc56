#pragma once
#include "schemas/records.hpp"

/// What members ask the replicated state to do. schemas/commands.capnp is its form in the log.
namespace muster {

/// Made once for each write by the member that was asked; the log applies each at most once.
struct request_id {
  member_id member;
  incarnation started;
  std::uint64_t sequence = 0;
  auto operator<=>(const request_id&) const = default;
};

/// First command of a log: the cluster row, member 1, and the default objects.
struct bootstrap {
  std::string uuid;
  std::uint64_t epoch_random = 0;
  member first;  ///< name, address, certificate, fingerprint, architecture
  bool enabled = false;
  std::string cluster_certificate;
  bool operator==(const bootstrap&) const = default;
};
/// Standalone → cluster of one. Renames member 1.
struct enable_cluster {
  std::string name;
  std::string address;
  std::string cluster_certificate;
  bool operator==(const enable_cluster&) const = default;
};
/// New row; its id is given out by apply. Refused if the name is taken.
struct create_object {
  object value;
  bool operator==(const create_object&) const = default;
};
/// Replaces what users may change in the row with head.id. `expected` none: whatever is there.
struct replace_object {
  object value;
  log_index expected;
  bool operator==(const replace_object&) const = default;
};
struct erase_object {
  row_key key;
  log_index expected;
  bool operator==(const erase_object&) const = default;
};
struct rename_object {
  row_key key;
  std::string name;
  bool operator==(const rename_object&) const = default;
};
/// Sets server keys; an empty value unsets. `expected` as in replace_object.
struct set_config {
  string_map changes;
  log_index expected;
  member_id own_of{};  ///< whose own keys `own_changes` are
  string_map own_changes{};
  bool operator==(const set_config&) const = default;
};
/// Binds a join token to one certificate until the join commits or it expires. Repeatable by the
/// same one.
struct claim_token {
  std::string secret_hash;
  std::string fingerprint;
  bool operator==(const claim_token&) const = default;
};
/// Trust token → certificate; both in one entry.
struct redeem_token {
  std::string secret_hash;
  certificate value;
  bool operator==(const redeem_token&) const = default;
};
/// The one command of a join. Uses up the token; repeated by the same certificate it answers the
/// same id.
struct join_member {
  std::string secret_hash;
  member value;
  std::vector<member_key> config{};  ///< of its parts of pools and networks
  bool operator==(const join_member&) const = default;
};
/// Raises the generation, so that the old owner's reports and containers stop counting.
struct move_instance {
  row_key key;
  member_id owner;
  bool operator==(const move_instance&) const = default;
};
struct want_instance {
  row_key key;
  power wanted = power::stopped;
  std::string action;  ///< start, stop, restart, freeze, unfreeze: for the lifecycle event
  bool operator==(const want_instance&) const = default;
};
/// What the owner saw. An older generation is dropped.
struct report_instance {
  row_key key;
  std::uint64_t generation = 0;
  instance_status status = instance_status::stopped;
  std::string action;  ///< lifecycle event to make, without "instance-"; empty: none
  bool operator==(const report_instance&) const = default;
};
struct locate_image {
  row_key key;
  member_id where;
  bool present = true;
  bool operator==(const locate_image&) const = default;
};
/// Drops every token whose time has passed, by the entry's stamp. Proposed by the leader.
struct expire_tokens {
  bool operator==(const expire_tokens&) const = default;
};

/// Makes a lifecycle event: the state of a member has turned out to be wrong, or is right again.
struct note_member {
  member_id about;
  bool condemned = true;
  bool operator==(const note_member&) const = default;
};

/// Leader: who has gone offline, or is back.
struct note_health {
  struct change {
    member_id about;
    bool is_offline = false;
    std::uint64_t silent_since_ms = 0;  ///< as in member_standing
    std::uint32_t level = 0;            ///< of its build; 0: not known
    bool operator==(const change&) const = default;
  };
  std::vector<change> changes;
  bool operator==(const note_health&) const = default;
};
/// Leader: which roles the members have now, and why.
struct note_roles {
  struct change {
    member_id about;
    std::string role;  ///< as in member_standing
    std::string reason;
    bool operator==(const change&) const = default;
  };
  std::vector<change> changes;
  bool operator==(const note_roles&) const = default;
};
/// A new cluster group, or what users may change of one.
struct put_group {
  cluster_group value;
  bool is_new = false;
  bool sets_members = false;  ///< else they stay as they are
  /// Names. A member that belongs to no other group stays in this one.
  std::vector<std::string> members;
  log_index expected;
  bool operator==(const put_group&) const = default;
};
/// Takes a member out of the cluster. Without force it must hold nothing; with it, what is only
/// there is gone.
struct remove_member {
  member_id who;
  bool force = false;
  bool operator==(const remove_member&) const = default;
};
/// A member is found at another address.
struct relocate_member {
  member_id who;
  std::string address;
  bool operator==(const relocate_member&) const = default;
};
/// What clients are shown from now on. The key is nowhere in the log: members hold it before.
struct set_cluster_certificate {
  std::string certificate;
  std::string fingerprint;
  string_map sealed;   ///< of every token: its secret under the new key, by operation id
  log_index expected;  ///< of the cluster row
  bool operator==(const set_cluster_certificate&) const = default;
};
/// What a member has done about a pool or network, or about a leftover of one (created: it is
/// gone). A report on an older version than the one before is dropped.
struct report_part {
  row_key key;
  member_id on;
  std::uint64_t version = 0;
  part_state state = part_state::created;
  std::string reason;
  string_map config;  ///< keys the member has chosen itself
  bool operator==(const report_part&) const = default;
};
/// New, or seen once more.
struct raise_warning {
  std::string type;
  member_id location;
  row_key about;
  std::string message;
  severity weight = severity::low;
  bool operator==(const raise_warning&) const = default;
};
struct settle_warning {
  std::string type;
  member_id location;
  row_key about;
  bool operator==(const settle_warning&) const = default;
};

/// Leader: every member that counts has told a build of this level or more. A member of a lower one
/// applies nothing behind this.
struct raise_level {
  std::uint32_t level = 1;
  bool operator==(const raise_level&) const = default;
};
/// First command of a new epoch, made offline by `muster recover`: the log goes on with this member
/// as its only voter.
struct recover_cluster {
  std::uint64_t epoch_counter = 1;
  std::uint64_t epoch_random = 0;
  member_id survivor;
  std::vector<member_id> dead;  ///< said to be dead for certain: their containers do not count
  bool operator==(const recover_cluster&) const = default;
};

using command_body =
    std::variant<bootstrap, enable_cluster, create_object, replace_object, erase_object,
                 rename_object, set_config, claim_token, redeem_token, join_member, move_instance,
                 want_instance, report_instance, locate_image, expire_tokens, note_member,
                 note_health, note_roles, put_group, remove_member, relocate_member,
                 set_cluster_certificate, report_part, raise_warning, settle_warning,
                 recover_cluster, raise_level>;

struct command {
  request_id id;
  requestor who;
  std::string trace;  ///< request id of the HTTP request; goes into log lines
  command_body body;
  bool operator==(const command&) const = default;
};

}  // namespace muster
