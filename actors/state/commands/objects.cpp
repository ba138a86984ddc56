#include "actors/state/commands/groups.hpp"
#include "actors/state/commands/handlers.hpp"
#include "actors/state/commands/lifecycle.hpp"
#include "actors/state/restrictions/restrictions.hpp"
#include "actors/state/rules/projects.hpp"
#include "actors/state/rules/rules.hpp"
#include "actors/state/spreads/spreads.hpp"
#include "schemas/basic/text_rules.hpp"

namespace muster::state {

namespace {

/// If-Match of a command: the row must still be what the asker saw.
bool is_changed(const object& row, log_index expected) {
  return expected && head_of(row).modified != expected;
}

outcome changed_since() {
  return refuse(errc::changed, "ETag doesn't match: the object was changed meanwhile");
}

outcome missing(table where) {
  std::string noun(rules_of(where).noun);
  for (auto& c : noun)
    if (c == '-') c = ' ';
  if (!noun.empty()) noun[0] = static_cast<char>(noun[0] - 'a' + 'A');
  return refuse(errc::not_found, noun + " not found");
}

string_map context_of(const state_view& state, const object& row) {
  if (const auto* i = std::get_if<instance>(&row)) {
    const auto owner = state.row<member>({}, {i->owner.value});
    return {{"location", owner ? owner->name : ""}, {"storage-pool", "default"}, {"type", i->type}};
  }
  if (const auto* i = std::get_if<image>(&row)) return {{"type", i->type}};
  if (const auto* a = std::get_if<image_alias>(&row)) {
    const auto target = state.row<image>(a->head.project, a->target);
    return {{"target", target ? target->fingerprint : ""}};
  }
  return {};
}

/// An image takes its aliases along, a project its default profile.
void erase_dependents(transaction& tx, const object& row) {
  std::vector<row_key> keys;
  const auto collect = [&](const object& o) {
    keys.push_back(key_of(o));
    return true;
  };
  if (std::holds_alternative<image>(row))
    tx.each(table::image_alias, head_of(row).project, [&](const object& o) {
      return std::get<image_alias>(o).target != head_of(row).id || collect(o);
    });
  if (std::holds_alternative<project>(row)) {
    tx.each(table::profile, project_id{head_of(row).id.value}, collect);
    forget_project(tx, name_of(row));
  }
  for (const auto& key : keys) tx.erase(key);
}

/// A token for the same name replaces the one before.
void cancel_older(transaction& tx, const token& next) {
  std::vector<row_key> old;
  tx.each(table::token, std::nullopt, [&](const object& o) {
    const auto& t = std::get<token>(o);
    if (t.kind == next.kind && t.name == next.name && t.kind == token_kind::join)
      old.push_back(key_of(o));
    return true;
  });
  for (const auto& key : old) tx.erase(key);
}

status may_create_token(const state_view& state, const token& t) {
  const auto info = state.only<cluster>();
  if (info && !info->fingerprint.empty() && t.fingerprint != info->fingerprint)
    return fail(errc::changed, "the cluster certificate was replaced meanwhile; try again");
  if (t.kind == token_kind::join && !t.replaces && state.find(table::member, {}, t.name))
    return fail(errc::refused, "The cluster already has a member with name: " + t.name);
  return ok();
}

void emit_token(transaction& tx, const requestor& who) {
  event e;
  e.action = "cluster-token-created";
  e.source = "/1.0/cluster/members";
  e.who = who;
  tx.emit(std::move(e));
}

status check_projects(const state_view& state, const std::vector<std::string>& projects) {
  for (const auto& name : projects)
    if (!state.find(table::project, {}, name))
      return fail(errc::not_found, "Project \"" + name + "\" not found");
  return ok();
}

/// Projects that a certificate or token names must be there.
status check_projects_named(const state_view& state, const object& row) {
  if (const auto* c = std::get_if<certificate>(&row)) return check_projects(state, c->projects);
  if (const auto* t = std::get_if<token>(&row)) return check_projects(state, t->projects);
  return ok();
}

}  // namespace

outcome handle(transaction& tx, const requestor& who, const create_object& b) {
  object row = b.value;
  const auto where = table_of(row);
  const auto& rules = rules_of(where);
  auto& head = head_of(row);
  if (head.project && !tx.row<project>({}, {head.project.value}))
    return refuse(errc::not_found, "Project not found");
  if (is_named(where) && tx.find(where, head.project, name_of(row)))
    return refuse(rules.taken(name_of(row)));
  if (auto good = check_texts(row, true); !good) return refuse(good.error());
  if (auto good = check_projects_named(tx, row); !good) return refuse(good.error());
  if (rules.may_create)
    if (auto may = rules.may_create(tx, row); !may) return refuse(may.error());
  if (auto may = check_restrictions(tx, nullptr, row); !may) return refuse(may.error());
  if (auto* t = std::get_if<token>(&row)) {
    // The command says how long it lives: one clock judges when that is over, the log's.
    if (t->expires_ms != 0 && t->expires_ms < tx.stamp_ms()) t->expires_ms += tx.stamp_ms();
    if (auto may = may_create_token(tx, *t); !may) return refuse(may.error());
    cancel_older(tx, *t);
    if (t->kind == token_kind::join) emit_token(tx, who);
  }
  head.id = tx.next_object();
  settle_spread(tx, nullptr, row);
  tx.add(row);
  if (std::holds_alternative<project>(row)) settle_default_profile(tx, nullptr, row);
  if (const auto verb = verb_of(nullptr, row); !verb.empty())
    emit_for(tx, who, row, verb, context_of(tx, row));
  return done(head.id);
}

outcome handle(transaction& tx, const requestor& who, const replace_object& b) {
  object next = b.value;
  const auto key = key_of(next);
  const auto& rules = rules_of(key.where);
  const auto old = tx.get(key);
  if (!old || rules.collection.empty()) return missing(key.where);
  if (is_changed(*old, b.expected)) return changed_since();
  if (name_of(*old) != name_of(next))
    return refuse(errc::bad_request, "a name is changed by a rename, not by an update");
  if (rules.keep) rules.keep(*old, next);
  if (auto good = check_texts(next, false); !good) return refuse(good.error());
  if (auto good = check_projects_named(tx, next); !good) return refuse(good.error());
  if (rules.may_replace)
    if (auto may = rules.may_replace(tx, *old, next); !may) return refuse(may.error());
  head_of(next) = head_of(*old);
  if (auto may = check_restrictions(tx, old.get(), next); !may) return refuse(may.error());
  settle_spread(tx, old.get(), next);
  if (std::holds_alternative<project>(next)) settle_default_profile(tx, old.get(), next);
  tx.put(next);
  if (const auto verb = verb_of(old.get(), next); !verb.empty()) emit_for(tx, who, next, verb);
  return done(key.id);
}

outcome handle(transaction& tx, const requestor& who, const erase_object& b) {
  const auto row = tx.get(b.key);
  if (!row) return missing(b.key.where);
  if (is_changed(*row, b.expected)) return changed_since();
  const auto& rules = rules_of(b.key.where);
  if (rules.may_erase)
    if (auto may = rules.may_erase(tx, *row); !may) return refuse(may.error());
  emit_for(tx, who, *row, "deleted");
  erase_dependents(tx, *row);
  leave_over(tx, *row);
  tx.erase(b.key);
  return done(b.key.id);
}

outcome handle(transaction& tx, const requestor& who, const rename_object& b) {
  const auto old = tx.get(b.key);
  if (!old) return missing(b.key.where);
  const auto& rules = rules_of(b.key.where);
  if (rules.check_name)
    if (auto good = rules.check_name(b.name); !good) return refuse(good.error());
  if (rules.may_rename)
    if (auto may = rules.may_rename(tx, *old, b.name); !may) return refuse(may.error());
  if (tx.find(b.key.where, b.key.project, b.name))
    return refuse(errc::conflict, "Name \"" + b.name + "\" already in use");
  const std::string old_name(name_of(*old));
  object row = *old;
  const bool renamed = std::visit(
      [&](auto& r) {
        if constexpr (requires { r.name; } &&
                      !std::is_same_v<std::decay_t<decltype(r)>, certificate>) {
          r.name = b.name;
          return true;
        }
        return false;
      },
      row);
  if (!renamed) return refuse(errc::bad_request, "objects of this kind have no name to change");
  tx.put(row);
  if (std::holds_alternative<cluster_group>(row)) rename_in_members(tx, old_name, b.name);
  if (std::holds_alternative<project>(row)) rename_project(tx, old_name, b.name);
  if (const auto* p = std::get_if<profile>(&row)) rename_profile(tx, *p, old_name);
  emit_for(tx, who, row, "renamed", {{"old_name", old_name}});
  return done(b.key.id);
}

void change(string_map& config, const string_map& changes) {
  for (const auto& [key, value] : changes) {
    if (value.empty())
      config.erase(key);
    else
      config[key] = value;
  }
}

outcome handle(transaction& tx, const requestor& who, const set_config& b) {
  auto row = tx.only<server_config>().value_or(server_config{});
  row.head.id = {1};
  if (b.expected && row.head.modified != b.expected) return changed_since();
  for (const auto* changes : {&b.changes, &b.own_changes})
    if (auto good = text_rules::check_config(*changes); !good) return refuse(good.error());
  if (!b.own_changes.empty()) {
    auto owner = tx.row<member>({}, {b.own_of.value});
    if (!owner) return missing(table::member);
    change(owner->own_config, b.own_changes);
    tx.put(*owner);
  }
  change(row.config, b.changes);
  tx.put(row);
  event e;
  e.action = "config-updated";
  e.source = "/1.0";
  e.who = who;
  tx.emit(std::move(e));
  return done(row.head.id);
}

}  // namespace muster::state
