#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/basic/strong.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The rows of the replicated state, as plain values. schemas/records.capnp is their form on disk.
namespace muster {

using string_map = std::map<std::string, std::string>;
using device_map = std::map<std::string, string_map>;

/// Empty if it is not set.
inline std::string value_in(const string_map& config, const std::string& key) {
  const auto at = config.find(key);
  return at == config.end() ? std::string{} : at->second;
}

/// First byte of a row's key. Never reuse a number.
enum class table : std::uint8_t {
  counters = 1,
  cluster = 2,
  server_config = 3,
  member = 4,
  certificate = 5,
  token = 6,
  project = 7,
  profile = 8,
  storage_pool = 9,
  network = 10,
  image = 11,
  image_alias = 12,
  instance = 13,
  proposer = 14,
  seen_request = 15,
  event = 16,
  member_standing = 17,
  cluster_group = 18,
  removed_member = 19,
  warning = 20,
  leftover = 21,
  last = leftover,
};

/// Where a row lies. `project` is none for tables that know no projects.
struct row_key {
  table where = table::counters;
  project_id project;
  object_id id;
  auto operator<=>(const row_key&) const = default;
};

/// What every row starts with.
struct record_head {
  object_id id;
  project_id project;
  log_index created;             ///< entry that made it
  log_index modified;            ///< entry that changed it last; what If-Match stands for
  std::uint64_t created_ms = 0;  ///< stamp of that entry, ms since the epoch
  std::uint64_t modified_ms = 0;
  bool operator==(const record_head&) const = default;
};

/// Numbers given out by apply. One row.
struct counters {
  static constexpr table where = table::counters;
  record_head head;
  std::uint64_t next_object = 1;
  std::uint64_t next_member = 1;
  std::uint64_t next_event = 1;
  bool operator==(const counters&) const = default;
};

/// What the cluster is. One row.
struct cluster {
  static constexpr table where = table::cluster;
  record_head head;
  std::string uuid;
  bool enabled = false;     ///< false: one standalone server
  std::string certificate;  ///< PEM that clients are shown; empty when standalone
  std::uint32_t level = 1;  ///< what apply may do; never falls
  std::uint64_t epoch_counter = 1;
  std::uint64_t epoch_random = 0;
  std::string
      fingerprint{};  ///< of a certificate that was replaced: SHA-256, lower hex; else empty
  bool operator==(const cluster&) const = default;
};

/// Cluster-wide server keys. One row.
struct server_config {
  static constexpr table where = table::server_config;
  record_head head;
  string_map config;
  bool operator==(const server_config&) const = default;
};

enum class member_state : std::uint8_t { created, evacuated, evacuating, restoring };

/// A server of the cluster. head.id is its member id.
struct member {
  static constexpr table where = table::member;
  record_head head;
  std::string name;
  std::string address;       ///< host:port
  std::string certificate;   ///< its own server certificate, PEM
  std::string fingerprint;   ///< SHA-256 of that, lower hex
  std::string architecture;  ///< uname -m
  std::string description;
  std::string failure_domain = "default";
  string_map config;
  std::vector<std::string> groups{"default"};
  std::vector<std::string> roles;  ///< set by hand; the automatic ones come from the configuration
  member_state state = member_state::created;
  std::string join_secret_hash;  ///< of the token it came with; makes a repeated join harmless
  string_map own_config;         ///< server keys of this member alone
  [[nodiscard]] member_id id() const { return {head.id.value}; }
  bool operator==(const member&) const = default;
};

struct certificate {
  static constexpr table where = table::certificate;
  record_head head;
  std::string fingerprint;
  std::string type = "client";
  std::string name;
  std::string pem;
  std::string description;
  bool restricted = false;
  std::vector<std::string> projects;
  bool operator==(const certificate&) const = default;
};

enum class token_kind : std::uint8_t { join, trust };

/// A secret somebody may present once. It is shown to users as an operation of class "token".
struct token {
  static constexpr table where = table::token;
  record_head head;
  token_kind kind = token_kind::join;
  std::string uuid;           ///< operation id
  std::string name;           ///< of the member or client to be
  std::string secret_hash;    ///< SHA-256 of the secret, lower hex
  std::string sealed_secret;  ///< the secret for list-tokens, AES-256-GCM under a key from
                              ///< cluster.key, base64
  std::vector<std::string> addresses;
  std::string fingerprint;       ///< of the certificate that clients are shown
  std::uint64_t expires_ms = 0;  ///< 0: never
  std::string claimed_by;        ///< fingerprint of the one certificate that may finish the join
  bool restricted = false;       ///< trust: properties of the certificate to be
  std::vector<std::string> projects;
  std::string location;  ///< member that made it
  member_id replaces;    ///< join: the member of that name, which has lost its disk
  bool operator==(const token&) const = default;
};

struct project {
  static constexpr table where = table::project;
  record_head head;
  std::string name;
  std::string description;
  string_map config;
  bool operator==(const project&) const = default;
};

struct profile {
  static constexpr table where = table::profile;
  record_head head;
  std::string name;
  std::string description;
  string_map config;
  device_map devices;
  bool operator==(const profile&) const = default;
};

enum class part_state : std::uint8_t { pending, created, errored };

/// What one member has of a pool or network.
struct part {
  string_map config;  ///< keys that mean this member alone
  part_state state = part_state::pending;
  std::string reason;         ///< of an error
  std::uint64_t version = 0;  ///< of `spread` that the member has reported on
  bool operator==(const part&) const = default;
};

/// What members have to do about a pool or network, and have done.
struct spread {
  bool is_pending = false;    ///< being defined member by member; nobody acts yet
  std::uint64_t version = 0;  ///< raised by apply with each change; 0: there is nothing to do
  std::map<member_id, part> parts;
  bool operator==(const spread&) const = default;
};

/// A value of `member_config`.
struct member_key {
  table where = table::storage_pool;  ///< or network
  std::string name;
  std::string key;
  std::string value;
  bool operator==(const member_key&) const = default;
};

struct storage_pool {
  static constexpr table where = table::storage_pool;
  record_head head;
  std::string name;
  std::string driver;
  std::string description;
  string_map config;  ///< keys that mean all members alike
  spread across{};
  bool operator==(const storage_pool&) const = default;
};

struct network {
  static constexpr table where = table::network;
  record_head head;
  std::string name;
  std::string type;
  std::string description;
  string_map config;
  spread across{};
  bool operator==(const network&) const = default;
};

struct image {
  static constexpr table where = table::image;
  record_head head;
  std::string fingerprint;
  std::string filename;
  std::string architecture;
  std::string type = "container";
  std::uint64_t size_bytes = 0;
  bool is_public = false;
  bool auto_update = false;
  bool cached = false;
  string_map properties;
  std::vector<std::string> profiles;
  std::uint64_t made_ms = 0;  ///< creation_date of the metadata
  std::uint64_t expires_ms = 0;
  std::vector<member_id> locations;  ///< members whose copy was checked
  bool operator==(const image&) const = default;
};

struct image_alias {
  static constexpr table where = table::image_alias;
  record_head head;
  std::string name;
  std::string description;
  object_id target;
  bool operator==(const image_alias&) const = default;
};

/// What somebody wants an instance to be.
enum class power : std::uint8_t { stopped, running, frozen };
/// What the owner last saw.
enum class instance_status : std::uint8_t { creating, stopped, running, frozen, error };

struct instance {
  static constexpr table where = table::instance;
  record_head head;
  std::string name;
  std::string uuid;
  std::string architecture;
  std::string type = "container";
  std::string description;
  std::string image_fingerprint;
  string_map config;
  device_map devices;
  std::vector<std::string> profiles;
  bool ephemeral = false;
  bool stateful = false;
  member_id owner;               ///< the one member that may run it
  std::uint64_t generation = 1;  ///< raised by apply at each change of owner; drivers carry it
  power wanted = power::stopped;
  instance_status status = instance_status::creating;
  std::uint64_t last_used_ms = 0;
  std::string operation;  ///< intent: uuid of the creation that has not ended
  bool operator==(const instance&) const = default;
};

/// Window of request ids already applied for one member. head.id is the member id.
struct proposer {
  static constexpr table where = table::proposer;
  record_head head;
  incarnation current;
  std::uint64_t low = 0;   ///< a sequence number at or below is refused, never applied again
  std::uint64_t high = 0;  ///< highest seen
  bool operator==(const proposer&) const = default;
};

/// What one command did: the same on every member.
struct outcome {
  bool done = false;
  failure why;         ///< if not done
  object_id id;        ///< object made or changed
  std::string detail;  ///< for the asker, e.g. the secret hash's token uuid
  bool operator==(const outcome&) const = default;
};

/// Outcome kept for a request id. Key: project = member id, id = its place in the ring of the last
/// `limits::seen_requests_kept` sequence numbers.
struct seen_request {
  static constexpr table where = table::seen_request;
  record_head head;
  std::uint64_t sequence = 0;
  outcome result;
  bool operator==(const seen_request&) const = default;
};

/// Who asked, as lifecycle events show it.
struct requestor {
  std::string username;
  std::string protocol;  ///< unix, tls, cluster
  std::string address;
  bool operator==(const requestor&) const = default;
};

/// A lifecycle event, made by apply. head.id is its place in the ring of the last
/// `limits::events_kept`, head.created its entry.
struct event {
  static constexpr table where = table::event;
  record_head head;
  std::uint64_t number = 0;
  std::string action;  ///< e.g. instance-created
  std::string source;  ///< URL path
  std::string name;
  std::string project;  ///< name; empty if the object knows no project
  string_map context;
  requestor who;
  member_id by;  ///< member that was asked; none if the cluster did it by itself
  bool operator==(const event&) const = default;
};

/// How a member stands, as the leader last found it. head.id is the member id. A row of its own: it
/// changes without anybody having edited the member.
struct member_standing {
  static constexpr table where = table::member_standing;
  record_head head;
  bool is_offline = false;
  std::uint64_t silent_since_ms = 0;  ///< if offline: when it was last heard, ms since the epoch
  std::string role;                   ///< leader, voter, stand-by or spare
  std::string role_reason;            ///< why it has this role
  std::uint64_t role_since_ms = 0;
  std::uint32_t level = 0;  ///< of its build, as it has told; 0: it has not
  bool operator==(const member_standing&) const = default;
};

/// Members carry the names of their groups. An old log has no row for "default".
struct cluster_group {
  static constexpr table where = table::cluster_group;
  record_head head;
  std::string name;
  std::string description;
  string_map config;
  bool operator==(const cluster_group&) const = default;
};

/// A member that was. head.id is its member id; it is told when it comes back. The last
/// `limits::removed_kept` are kept.
struct removed_member {
  static constexpr table where = table::removed_member;
  record_head head;
  std::string fingerprint;
  std::string name;
  std::string address;
  bool forced = false;  ///< it may hold instances: nothing of it is cleared without a word
  std::string by;       ///< who asked
  [[nodiscard]] member_id id() const { return {head.id.value}; }
  bool operator==(const removed_member&) const = default;
};

enum class severity : std::uint8_t { low, moderate, high };
enum class warning_status : std::uint8_t { fresh, acknowledged, resolved };

/// What operators should know; one row a type, member and object.
struct warning {
  static constexpr table where = table::warning;
  record_head head;  ///< created: first seen
  std::string uuid;
  std::string type;
  member_id location;
  row_key about;  ///< counters: no object
  std::string message;
  severity weight = severity::low;
  warning_status status = warning_status::fresh;
  std::uint64_t count = 1;
  std::uint64_t last_seen_ms = 0;
  bool operator==(const warning&) const = default;
};

/// A pool or network is deleted, and this member has not said yet that its part is gone.
struct leftover {
  static constexpr table where = table::leftover;
  record_head head;
  row_key of;
  std::string of_name;
  member_id on;
  std::string reason;  ///< why it could not be removed, if it was tried
  bool operator==(const leftover&) const = default;
};

using object =
    std::variant<counters, cluster, server_config, member, certificate, token, project, profile,
                 storage_pool, network, image, image_alias, instance, proposer, seen_request, event,
                 member_standing, cluster_group, removed_member, warning, leftover>;
/// A row that many share; null: there is none.
using row_ptr = std::shared_ptr<const object>;

/// The name an object is found by inside its project; empty if it is found by id only.
std::string_view name_of(const object& row);
record_head& head_of(object& row);
const record_head& head_of(const object& row);
table table_of(const object& row);
row_key key_of(const object& row);
/// Whether rows of this table have a name that is unique within their project.
bool is_named(table t);

}  // namespace muster
