#include "actors/state/commands/groups.hpp"
#include "actors/state/commands/handlers.hpp"
#include "actors/state/commands/lifecycle.hpp"
#include "actors/state/commands/removal.hpp"
#include "actors/state/rules/rules.hpp"
#include "actors/state/spreads/spreads.hpp"

namespace muster::state {

namespace {

void add_project(transaction& tx) {
  project p;
  p.head.id = tx.next_object();
  p.name = "default";
  p.description = "Default Incus project";
  for (const char* feature :
       {"images", "networks", "networks.zones", "profiles", "storage.buckets", "storage.volumes"})
    p.config[std::string("features.") + feature] = "true";
  tx.put(p);

  profile common;
  common.head.id = tx.next_object();
  common.head.project = {p.head.id.value};
  common.name = "default";
  common.description = "Default Incus profile";
  tx.put(common);
}

void add_group(transaction& tx) {
  auto g = default_group();
  g.head.id = tx.next_object();
  tx.put(g);
}

void emit_cluster(transaction& tx, const requestor& who, std::string action, std::string source) {
  event e;
  e.action = std::move(action);
  e.source = std::move(source);
  e.who = who;
  tx.emit(std::move(e));
}

/// The old member's disk is lost: its images are elsewhere or gone, its instances stand to be made
/// anew.
void take_the_place_of(transaction& tx, member_id old, member_id fresh) {
  for (auto i : tx.all<instance>()) {
    if (i.owner != old) continue;
    i.owner = fresh;
    ++i.generation;
    i.wanted = power::stopped;
    i.status = instance_status::error;
    tx.put(i);
  }
  for (auto i : tx.all<image>())
    if (std::erase(i.locations, old) != 0) tx.put(i);
  forget_parts(tx, old);
  const auto gone = tx.row<member>({}, {old.value});
  if (gone) remember_removed(tx, "the server that took its place", *gone, true);
  tx.erase({table::member, {}, {old.value}});
  tx.erase({table::member_standing, {}, {old.value}});
}

}  // namespace

outcome handle(transaction& tx, const requestor& who, const bootstrap& b) {
  if (tx.only<cluster>()) return refuse(errc::conflict, "the log already belongs to a cluster");
  cluster row;
  row.head.id = {1};
  row.uuid = b.uuid;
  row.epoch_random = b.epoch_random;
  row.enabled = b.enabled;
  row.certificate = b.cluster_certificate;
  tx.put(row);
  server_config config;
  config.head.id = {1};
  tx.put(config);
  member first = b.first;
  first.head = {};
  first.head.id = {tx.next_member().value};
  tx.put(first);
  add_project(tx);
  add_group(tx);
  if (b.enabled) emit_cluster(tx, who, "cluster-enabled", "/1.0/cluster/" + first.name);
  return done(first.head.id);
}

outcome handle(transaction& tx, const requestor& who, const enable_cluster& b) {
  auto row = tx.only<cluster>();
  if (!row) return refuse(errc::refused, "the log is empty");
  if (row->enabled) return refuse(errc::bad_request, "This server is already clustered");
  auto members = tx.all<member>();
  if (members.size() != 1)
    return refuse(errc::refused, "Inconsistent state: found leftover members");
  row->enabled = true;
  row->certificate = b.cluster_certificate;
  tx.put(*row);
  auto first = members.front();
  first.name = b.name;
  first.address = b.address;
  tx.put(first);
  emit_cluster(tx, who, "cluster-enabled", "/1.0/cluster/" + b.name);
  return done(first.head.id);
}

outcome handle(transaction& tx, const requestor& who, const join_member& b) {
  const auto members = tx.all<member>();
  for (const auto& m : members)
    if (m.fingerprint == b.value.fingerprint && m.join_secret_hash == b.secret_hash)
      return done(m.head.id);  // repeated after a lost answer
  const auto info = tx.only<cluster>();
  if (!info || !info->enabled) return refuse(errc::refused, "Clustering isn't enabled");
  std::optional<token> ticket;
  for (auto& t : tx.all<token>())
    if (t.kind == token_kind::join && t.secret_hash == b.secret_hash) ticket = t;
  if (!ticket) return refuse(errc::forbidden, "No matching cluster join operation found");
  if (ticket->expires_ms && ticket->expires_ms <= tx.stamp_ms())
    return refuse(errc::forbidden, "Token has expired");
  if (!ticket->claimed_by.empty() && ticket->claimed_by != b.value.fingerprint)
    return refuse(errc::forbidden, "The join token is in use by another server");
  if (ticket->name != b.value.name)
    return refuse(errc::bad_request, "The join token was made for a member named \"" +
                                         ticket->name + "\", not \"" + b.value.name + "\"");
  for (const auto& m : members) {
    if (m.id() == ticket->replaces) continue;
    if (m.name == b.value.name)
      return refuse(errc::conflict, "The cluster already has a member with name: " + m.name);
    if (m.address == b.value.address)
      return refuse(errc::conflict, "The cluster already has a member with address: " + m.address);
    if (m.fingerprint == b.value.fingerprint)
      return refuse(errc::conflict, "The cluster already has a member with this certificate");
  }
  if (auto good = check_member_keys(tx, b.config); !good) return refuse(good.error());
  tx.erase(key_of(*ticket));
  member row = b.value;
  row.head = {};
  row.head.id = {tx.next_member().value};
  row.join_secret_hash = b.secret_hash;
  if (ticket->replaces) take_the_place_of(tx, ticket->replaces, row.id());
  if (const auto was = tx.find(table::removed_member, {}, row.fingerprint))
    tx.erase({table::removed_member, {}, *was});
  tx.put(row);
  (void)spread_to(tx, row.id(), b.config).ok();  // checked above
  emit_for(tx, who, row, "added");
  return done(row.head.id);
}

outcome handle(transaction& tx, const requestor& who, const note_member& b) {
  const auto row = tx.row<member>({}, {b.about.value});
  if (!row) return refuse(errc::not_found, "Cluster member not found");
  emit_for(tx, who, *row, b.condemned ? "condemned" : "reseeded");
  return done(row->head.id);
}

}  // namespace muster::state
