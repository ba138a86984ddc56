#include "actors/state/commands/removal.hpp"

#include "actors/state/commands/handlers.hpp"
#include "actors/state/commands/lifecycle.hpp"
#include "actors/state/spreads/spreads.hpp"
#include "schemas/basic/limits.hpp"

#include <algorithm>

namespace muster::state {

bool is_only_at(const image& i, member_id where) {
  return i.locations.size() == 1 && i.locations.front() == where;
}

namespace {

std::string joined(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& one : all) text += (text.empty() ? "" : ", ") + one;
  return text;
}

}  // namespace

status check_holds_nothing(const state_view& state, member_id who) {
  std::vector<std::string> instances;
  std::vector<std::string> images;
  for (const auto& i : state.all<instance>())
    if (i.owner == who) instances.push_back(i.name);
  for (const auto& i : state.all<image>())
    if (is_only_at(i, who)) images.push_back(i.fingerprint);
  if (!instances.empty())
    return fail(errc::refused, "Node still has the following instances: " + joined(instances));
  if (!images.empty())
    return fail(errc::refused, "Node still has the following images: " + joined(images));
  return ok();
}

namespace {

/// Instances of the member, images only there and their aliases go; of others it is forgotten.
void erase_what_it_held(transaction& tx, const requestor& by, member_id who) {
  for (const auto& i : tx.all<instance>()) {
    if (i.owner != who) continue;
    emit_for(tx, by, i, "deleted");
    tx.erase(key_of(i));
  }
  for (auto i : tx.all<image>()) {
    if (!is_only_at(i, who)) {
      if (std::erase(i.locations, who) != 0) tx.put(i);
      continue;
    }
    for (const auto& a : tx.all<image_alias>(i.head.project))
      if (a.target == i.head.id) tx.erase(key_of(a));
    emit_for(tx, by, i, "deleted");
    tx.erase(key_of(i));
  }
}

/// What it has asked before is not waited for any more.
void erase_requests(transaction& tx, member_id who) {
  std::vector<row_key> keys;
  tx.each(table::seen_request, project_id{who.value}, [&](const object& row) {
    keys.push_back(key_of(row));
    return true;
  });
  for (const auto& key : keys) tx.erase(key);
  tx.erase({table::proposer, {}, {who.value}});
}

}  // namespace

void remember_removed(transaction& tx, const std::string& by, const member& m, bool force) {
  auto known = tx.all<removed_member>();
  for (std::size_t i = 0; known.size() - i >= limits::removed_kept; ++i) tx.erase(key_of(known[i]));
  removed_member row;
  row.head.id = m.head.id;
  row.fingerprint = m.fingerprint;
  row.name = m.name;
  row.address = m.address;
  row.forced = force;
  row.by = by;
  tx.put(row);
}

outcome handle(transaction& tx, const requestor& who, const remove_member& b) {
  const auto m = tx.row<member>({}, {b.who.value});
  if (!m) return refuse(errc::not_found, "Cluster member not found");
  if (tx.all<member>().size() == 1)
    return refuse(errc::refused, "Member is the only member in the cluster");
  if (!b.force)
    if (auto empty = check_holds_nothing(tx, b.who); !empty) return refuse(empty.error());
  erase_what_it_held(tx, who, b.who);
  erase_requests(tx, b.who);
  forget_parts(tx, b.who);
  remember_removed(tx, who.username, *m, b.force);
  tx.erase({table::member_standing, {}, m->head.id});
  emit_for(tx, who, *m, "removed");
  tx.erase(key_of(*m));
  return done(m->head.id);
}

outcome handle(transaction& tx, const requestor& who, const relocate_member& b) {
  auto m = tx.row<member>({}, {b.who.value});
  if (!m) return refuse(errc::not_found, "Cluster member not found");
  if (m->address == b.address) return done(m->head.id);
  for (const auto& other : tx.all<member>())
    if (other.address == b.address)
      return refuse(errc::conflict, "The cluster already has a member with address: " + b.address);
  const auto old = std::exchange(m->address, b.address);
  tx.put(*m);
  emit_for(tx, who, *m, "updated", {{"old_address", old}});
  return done(m->head.id);
}

}  // namespace muster::state
