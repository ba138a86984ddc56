#include "actors/state/commands/groups.hpp"

#include "actors/state/commands/handlers.hpp"
#include "actors/state/commands/lifecycle.hpp"
#include "actors/state/rules/rules.hpp"
#include "schemas/basic/limits.hpp"

#include <algorithm>

namespace muster::state {

namespace {

constexpr std::string_view default_name = "default";

template <class T>
bool contains(const std::vector<std::string>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// Whether `name` is one of a list that is separated by commas.
bool is_listed(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    if (list.substr(0, end) == name) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

/// An instance bound to the group; `owner` none: on whichever member.
bool holds_instances(const state_view& state, std::string_view group, member_id owner) {
  bool found = false;
  state.each(table::instance, std::nullopt, [&](const object& o) {
    const auto& i = std::get<instance>(o);
    found = (!owner || i.owner == owner) && value_in(i.config, "volatile.cluster.group") == group;
    return !found;
  });
  return found;
}

status check_unused(const state_view& state, std::string_view group) {
  bool used = holds_instances(state, group, {});
  state.each(table::project, std::nullopt, [&](const object& o) {
    used = used ||
           is_listed(value_in(std::get<project>(o).config, "restricted.cluster.groups"), group);
    return !used;
  });
  if (used) return fail(errc::refused, "Cluster group is currently in use");
  return ok();
}

status check_may_leave(const state_view& state, const member& m, std::string_view group) {
  if (holds_instances(state, group, m.id()))
    return fail(errc::refused, "Cluster group member is currently in use");
  return ok();
}

/// The members as the list wants them; those that change.
result<std::vector<member>> changed_members(const state_view& state, const put_group& b) {
  const auto& group = b.value.name;
  std::vector<member> changed;
  for (const auto& name : b.members)
    if (!state.find(table::member, {}, name))
      return fail(errc::not_found, "Cluster member \"" + name + "\" not found");
  for (auto m : state.all<member>()) {
    const bool wanted = contains(b.members, m.name);
    if (wanted == is_in_group(m, group)) continue;
    if (wanted) {
      m.groups.push_back(group);
    } else {
      if (m.groups.size() == 1 && group == default_name)
        return fail(errc::bad_request, "Cluster member \"" + m.name +
                                           "\" is in no other group: cluster members need to "
                                           "belong to at least one group");
      if (auto may = check_may_leave(state, m, group); !may) return may.error();
      std::erase(m.groups, group);
      if (m.groups.empty()) m.groups.emplace_back(default_name);
    }
    changed.push_back(std::move(m));
  }
  return changed;
}

}  // namespace

cluster_group default_group() {
  cluster_group g;
  g.name = default_name;
  g.description = "Default cluster group";
  return g;
}

std::optional<cluster_group> find_group(const state_view& state, std::string_view name) {
  auto row = state.by_name<cluster_group>({}, name);
  if (!row && name == default_name) return default_group();
  return row;
}

std::vector<cluster_group> all_groups(const state_view& state) {
  auto all = state.all<cluster_group>();
  if (!state.find(table::cluster_group, {}, default_name)) all.insert(all.begin(), default_group());
  return all;
}

bool is_in_group(const member& m, std::string_view group) { return contains(m.groups, group); }

bool is_settable_role(std::string_view role) {
  return role == "event-hub" || role == "ovn-chassis";
}

status may_erase_group(const state_view& state, const object& row) {
  const auto& name = std::get<cluster_group>(row).name;
  if (name == default_name)
    return fail(errc::forbidden, "The 'default' cluster group cannot be deleted");
  for (const auto& m : state.all<member>())
    if (is_in_group(m, name))
      return fail(errc::refused, "Only empty cluster groups can be removed");
  return check_unused(state, name);
}

status may_rename_group(const state_view& state, const object& row, std::string_view name) {
  const auto& old = std::get<cluster_group>(row).name;
  if (old == default_name) return fail(errc::forbidden, "The \"default\" group cannot be renamed");
  if (!is_valid_name(name)) return fail(errc::bad_request, "Invalid cluster group name");
  return check_unused(state, old);
}

void rename_in_members(transaction& tx, std::string_view from, const std::string& to) {
  for (auto m : tx.all<member>()) {
    const auto at = std::find(m.groups.begin(), m.groups.end(), from);
    if (at == m.groups.end()) continue;
    *at = to;
    tx.put(std::move(m));
  }
}

status may_replace_member(const state_view& state, const object& old, const object& next) {
  const auto& before = std::get<member>(old);
  const auto& after = std::get<member>(next);
  if (after.groups.empty())
    return fail(errc::bad_request, "Cluster members need to belong to at least one group");
  for (const auto& g : after.groups)
    if (!find_group(state, g))
      return fail(errc::not_found, "Cluster group \"" + g + "\" doesn't exist");
  for (const auto& g : before.groups)
    if (!is_in_group(after, g))
      if (auto may = check_may_leave(state, before, g); !may) return may;
  for (const auto& r : after.roles)
    if (!is_settable_role(r))
      return fail(errc::bad_request, "Update roles: Invalid cluster role \"" + r + "\"");
  return ok();
}

outcome handle(transaction& tx, const requestor& who, const put_group& b) {
  if (auto good = check_texts(b.value, true); !good) return refuse(good.error());
  const auto old = find_group(tx, b.value.name);
  if (b.is_new && old) return refuse(rules_of(table::cluster_group).taken(b.value.name));
  if (!b.is_new && !old) return refuse(errc::not_found, "Cluster group not found");
  if (old && b.expected && old->head.modified != b.expected)
    return refuse(errc::changed, "ETag doesn't match: the object was changed meanwhile");
  if (b.is_new && tx.all<cluster_group>().size() >= limits::groups_max)
    return refuse(errc::too_large, "The cluster has as many groups as it may");
  std::vector<member> changed;
  if (b.sets_members) {
    auto wanted = changed_members(tx, b);
    if (!wanted) return refuse(wanted.error());
    changed = *std::move(wanted);
  }
  auto row = b.value;
  row.head = old ? old->head : record_head{};
  if (!row.head.id) row.head.id = tx.next_object();
  tx.put(row);
  for (auto& m : changed) tx.put(std::move(m));
  emit_for(tx, who, row, b.is_new ? "created" : "updated");
  return done(row.head.id);
}

}  // namespace muster::state
