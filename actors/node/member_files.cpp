#include "actors/node/member_files.hpp"

#include "actors/link/tls/tls_identity.hpp"
#include "storage/disk/descriptor.hpp"
#include "storage/log/raft_store.hpp"
#include "storage/snapshots/snapshot_files.hpp"

#include <filesystem>
#include <sstream>

namespace muster::node {

namespace fs = std::filesystem;

namespace {

std::string at(const std::string& data_dir, const char* name) { return data_dir + "/" + name; }

bool is_there(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

status move(const std::string& from, const std::string& to) {
  std::error_code failed;
  if (!is_there(from)) return ok();
  fs::rename(from, to, failed);
  if (failed) return fail(errc::refused, "cannot move " + from + ": " + failed.message());
  return ok();
}

status remove(const std::string& path) {
  std::error_code failed;
  fs::remove_all(path, failed);
  if (failed) return fail(errc::refused, "cannot remove " + path + ": " + failed.message());
  return ok();
}

/// First entry of a new log: its only voter.
status write_first_entry(const std::string& path, member_id voter) {
  auto store = storage::raft_store::open(path);
  if (!store) return store.error();
  raft::entry first;
  first.term = {1};
  first.index = {1};
  first.kind = raft::entry_kind::configuration;
  first.members =
      std::make_shared<const raft::configuration>(raft::configuration{{voter}, {}, {}, {}});
  return (*store)->write(raft::hard_state{{1}, {}}, {}, {first});
}

}  // namespace

bool is_running(const std::string& data_dir) {
  const storage::descriptor file(::open((data_dir + "/raft/LOCK").c_str(), O_RDWR | O_CLOEXEC));
  struct flock held {};
  held.l_type = F_WRLCK;
  return file.fd >= 0 && ::fcntl(file.fd, F_GETLK, &held) == 0 && held.l_type != F_UNLCK;
}

result<std::optional<storage::identity>> find_identity(const std::string& data_dir) {
  const auto raft = at(data_dir, "raft");
  const auto identity = at(data_dir, "identity");
  if (!is_there(identity) && is_there(identity + ".made")) {  // the creation was decided: finish it
    if (!is_there(raft))
      if (auto moved = move(raft + ".made", raft); !moved) return moved.error();
    if (auto moved = move(identity + ".made", identity); !moved) return moved.error();
    if (auto synced = storage::sync_directory(data_dir); !synced) return synced.error();
  }
  if (!is_there(identity) && !is_there(raft)) return std::optional<storage::identity>{};
  if (!is_there(identity) || !is_there(raft))
    return fail(errc::corrupt,
                data_dir + " holds " + (is_there(raft) ? "a raft log" : "an identity") +
                    " without " + (is_there(raft) ? "an identity" : "its raft log") +
                    ": restore the missing part, or empty the directory and join again");
  auto who = storage::load_identity(identity);
  if (!who) return who.error();
  return std::optional(*who);
}

status create_member(const std::string& data_dir, const storage::identity& who, bool voter) {
  const auto raft = at(data_dir, "raft");
  const auto identity = at(data_dir, "identity");
  if (auto gone = remove(raft + ".made"); !gone) return gone;
  if (voter) {
    if (auto made = write_first_entry(raft + ".made", who.member); !made) return made;
  } else {
    auto store = storage::raft_store::open(raft + ".made");
    if (!store) return store.error();
  }
  if (auto gone = remove(storage::state_root(data_dir)); !gone) return gone;
  if (auto made = storage::store_identity(identity + ".made", who); !made) return made;
  auto found = find_identity(data_dir);
  if (!found) return found.error();
  return ok();
}

result<storage::identity> begin_incarnation(const std::string& data_dir) {
  auto who = storage::load_identity(at(data_dir, "identity"));
  if (!who) return who.error();
  ++who->started.value;
  if (auto stored = storage::store_identity(at(data_dir, "identity"), *who); !stored)
    return stored.error();
  return *who;
}

status store_intent(const std::string& data_dir, const join_intent& intent) {
  std::string text = intent.token + "\n" + intent.name + "\n" + intent.address + "\n";
  for (const auto& k : intent.config)
    text += std::string(k.where == table::network ? "network" : "storage-pool") + "\t" + k.name +
            "\t" + k.key + "\t" + k.value + "\n";
  return storage::write_file_durably(at(data_dir, "join"), text);
}

std::optional<join_intent> load_intent(const std::string& data_dir) {
  auto content = storage::read_file(at(data_dir, "join"));
  if (!content) return std::nullopt;
  std::istringstream lines(*content);
  join_intent intent;
  std::getline(lines, intent.token);
  std::getline(lines, intent.name);
  std::getline(lines, intent.address);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string entity;
    member_key k;
    std::getline(fields, entity, '\t');
    std::getline(fields, k.name, '\t');
    std::getline(fields, k.key, '\t');
    std::getline(fields, k.value, '\t');
    k.where = entity == "network" ? table::network : table::storage_pool;
    intent.config.push_back(k);
  }
  return intent;
}

status store_accepted(const std::string& data_dir, const codec::join_accepted& accepted) {
  return storage::write_file_durably(at(data_dir, "join.accepted"),
                                     codec::encode(accepted).bytes());
}

std::optional<codec::join_accepted> load_accepted(const std::string& data_dir) {
  auto content = storage::read_file(at(data_dir, "join.accepted"));
  if (!content) return std::nullopt;
  auto accepted = codec::decode_join_accepted(*content);
  if (!accepted) return std::nullopt;
  return *std::move(accepted);
}

status adopt_accepted(const std::string& data_dir, const codec::join_accepted& accepted) {
  const auto now = storage::load_identity(at(data_dir, "identity"));
  if (now && now->cluster_uuid == accepted.cluster_uuid) return ok();  // done before a crash
  if (!now && is_there(at(data_dir, "identity.made"))) {
    auto finished = find_identity(data_dir);
    if (!finished) return finished.error();
    return ok();
  }
  const auto aside = at(data_dir, "before-join");
  std::error_code ignored;
  fs::create_directories(aside, ignored);
  for (const char* name : {"identity", "raft", "state", "cluster.crt", "cluster.key"})
    if (auto moved = move(at(data_dir, name), aside + "/" + name); !moved) return moved;
  if (auto stored = tls::store(data_dir, "cluster", {accepted.certificate, accepted.key}); !stored)
    return stored;
  storage::identity who{
      accepted.cluster_uuid, accepted.member, {}, accepted.epoch_counter, accepted.epoch_random};
  return create_member(data_dir, who, false);
}

void forget_intent(const std::string& data_dir) {
  std::error_code ignored;
  fs::remove(at(data_dir, "join"), ignored);
}

void forget_join(const std::string& data_dir) {
  std::error_code ignored;
  for (const char* name : {"join", "join.accepted", "before-join"})
    fs::remove_all(at(data_dir, name), ignored);
}

std::vector<link::peer> load_peers(const std::string& data_dir) {
  std::vector<link::peer> peers;
  if (auto accepted = load_accepted(data_dir))
    for (const auto& p : accepted->peers) peers.push_back({p.id, p.name, p.address, p.fingerprint});
  return peers;
}

status store_edited(const std::string& data_dir, const std::vector<edited_address>& all) {
  std::string text;
  for (const auto& e : all) text += std::to_string(e.id.value) + " " + e.from + " " + e.to + "\n";
  return storage::write_file_durably(at(data_dir, "edited-addresses"), text);
}

std::vector<edited_address> load_edited(const std::string& data_dir) {
  std::vector<edited_address> all;
  auto content = storage::read_file(at(data_dir, "edited-addresses"));
  if (!content) return all;
  std::istringstream lines(*content);
  edited_address e;
  while (lines >> e.id.value >> e.from >> e.to) all.push_back(e);
  return all;
}

const std::string& address_of(const member& m, const std::vector<edited_address>& edited) {
  for (const auto& e : edited)
    if (e.id == m.id() && e.from == m.address) return e.to;
  return m.address;
}

}  // namespace muster::node
