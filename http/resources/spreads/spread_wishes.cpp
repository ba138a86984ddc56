#include "http/resources/spreads/spread_wishes.hpp"

#include <algorithm>

namespace muster::http {

namespace {

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

object new_row(const spread_wish& w) {
  if (w.noun->where == table::storage_pool) {
    storage_pool p;
    p.name = w.name;
    p.driver = w.kind;
    p.description = w.description;
    return p;
  }
  network n;
  n.name = w.name;
  n.type = w.kind;
  n.description = w.description;
  return n;
}

std::string& description_of(object& row) {
  if (auto* p = std::get_if<storage_pool>(&row)) return p->description;
  return std::get<network>(row).description;
}

failure different_kind(const spread_wish& w, const object& row) {
  if (w.noun->where == table::storage_pool)
    return fail(errc::bad_request, "Storage pool already exists with a different driver");
  return fail(errc::bad_request, "Requested network type " + in_quotes(w.kind) +
                                     " doesn't match type in existing database record " +
                                     in_quotes(kind_of(row)));
}

failure already_created(const spread_wish& w) {
  return fail(errc::refused, "The " + std::string(w.noun->noun) + " is already created");
}

failure already_defined(const spread_wish& w) {
  if (w.noun->where == table::storage_pool)
    return fail(errc::bad_request,
                "The storage pool already defined on member " + in_quotes(w.target));
  return fail(errc::conflict, "Network " + in_quotes(w.name) + " is already defined on member " +
                                  in_quotes(w.target));
}

/// Splits keys into those of all members and those of one.
void put_keys(object& row, member_id of, const string_map& config) {
  for (const auto& [key, value] : config) {
    if (value.empty()) continue;
    auto& to =
        is_member_key(table_of(row), key) ? spread_of(row)->parts[of].config : config_of(row);
    to[key] = value;
  }
}

std::string undefined_on(const state_view& s, const spread& across) {
  std::string names;
  for (const auto& m : s.all<member>())
    if (!across.parts.contains(m.id())) names += (names.empty() ? "" : ", ") + m.name;
  return names;
}

bool has_errors(const spread& across) {
  return std::any_of(across.parts.begin(), across.parts.end(),
                     [](const auto& item) { return item.second.state == part_state::errored; });
}

/// A network that goes out through a parent needs one on each member.
status check_parents(const state_view& s, const object& row) {
  if (kind_of(row) != "physical" && kind_of(row) != "macvlan") return ok();
  for (const auto& m : s.all<member>()) {
    const auto& parts = spread_of(row)->parts;
    const auto at = parts.find(m.id());
    if (at == parts.end() || !at->second.config.contains("parent"))
      return fail(errc::bad_request,
                  "Missing required \"parent\" key" +
                      (is_clustered(s) ? " on member " + in_quotes(m.name) : std::string{}));
  }
  return ok();
}

/// Again, after it has failed on some member.
result<command_body> create_again(const spread_wish& w, object row) {
  if (!has_errors(*spread_of(row))) return already_created(w);
  if (!w.config.empty())
    return fail(errc::bad_request,
                std::string(w.noun->title) +
                    " already partially created. Please do not specify any global config when "
                    "re-running create");
  const auto seen = head_of(row).modified;
  return command_body{replace_object{std::move(row), seen}};
}

}  // namespace

bool is_clustered(const state_view& s) {
  const auto c = s.only<cluster>();
  return c && c->enabled;
}

std::optional<object> find_spread(const state_view& s, const spread_noun& n,
                                  std::string_view name) {
  const auto id = s.find(n.where, {}, name);
  const auto row = id ? s.get({n.where, {}, *id}) : nullptr;
  return row ? std::optional(*row) : std::nullopt;
}

string_map shown_config(const object& row, std::optional<member_id> of) {
  auto all = config_of(row);
  if (!of) return all;
  const auto& parts = spread_of(row)->parts;
  if (const auto at = parts.find(*of); at != parts.end())
    for (const auto& [key, value] : at->second.config) all[key] = value;
  return all;
}

result<command_body> define_on_member(const state_view& s, const spread_wish& w) {
  if (!is_clustered(s)) return fail(errc::bad_request, "Target only allowed when clustered");
  const auto target = s.by_name<member>({}, w.target);
  if (!target) return fail(errc::not_found, "Cluster member not found");
  for (const auto& [key, value] : w.config)
    if (!is_member_key(w.noun->where, key))
      return fail(w.noun->misplaced,
                  "Config key " + in_quotes(key) + " may not be used as member-specific key");
  if (!w.description.empty())
    return fail(errc::bad_request, "A description is given when the " + std::string(w.noun->noun) +
                                       " is created on all members, without a target");
  auto there = find_spread(s, *w.noun, w.name);
  auto row = there ? *there : new_row(w);
  auto& across = *spread_of(row);
  if (there) {
    if (kind_of(row) != w.kind) return different_kind(w, row);
    if (!across.is_pending && across.parts.contains(target->id())) return already_defined(w);
    if (!across.is_pending)
      return fail(errc::bad_request, std::string(w.noun->title) + " is not in pending state");
    if (across.parts.contains(target->id())) return already_defined(w);
  }
  across.is_pending = true;
  across.parts[target->id()];
  put_keys(row, target->id(), w.config);
  const auto seen = head_of(row).modified;
  if (there) return command_body{replace_object{std::move(row), seen}};
  return command_body{create_object{std::move(row)}};
}

result<command_body> create_on_all(const state_view& s, const spread_wish& w,
                                   const std::function<std::uint64_t()>& chance) {
  const bool needs_definitions = s.all<member>().size() > 1;
  auto there = find_spread(s, *w.noun, w.name);
  if (there && kind_of(*there) != w.kind) return different_kind(w, *there);
  if (there && !spread_of(*there)->is_pending) return create_again(w, *std::move(there));
  if (there || needs_definitions)
    for (const auto& [key, value] : w.config)
      if (is_member_key(w.noun->where, key))
        return fail(w.noun->misplaced,
                    "Config key " + in_quotes(key) + " is cluster member specific");
  if (!there && needs_definitions)
    return fail(errc::refused, std::string(w.noun->pending) +
                                   " not pending on any node (use --target <node> first)");
  auto row = there ? *there : new_row(w);
  if (there)
    if (const auto names = undefined_on(s, *spread_of(row)); !names.empty())
      return fail(errc::refused, std::string(w.noun->pending) + " not defined on nodes: " + names);
  auto config = w.config;
  fill_defaults(s, w.kind, config, chance);
  put_keys(row, w.self, config);
  description_of(row) = w.description;
  if (auto good = check_parents(s, row); !good) return good.error();
  spread_of(row)->is_pending = false;
  const auto seen = head_of(row).modified;
  if (there) return command_body{replace_object{std::move(row), seen}};
  return command_body{create_object{std::move(row)}};
}

namespace {

/// A part that could not be made may be put elsewhere.
bool has_failed(const object& row, std::optional<member_id> of) {
  const auto& parts = spread_of(row)->parts;
  const auto at = of ? parts.find(*of) : parts.end();
  return at != parts.end() && at->second.state == part_state::errored;
}

bool is_own_value(const spread_wish& w, const object& row, const std::string& key,
                  const std::string& value) {
  const auto& parts = spread_of(row)->parts;
  const auto own = parts.find(w.self);
  if (own == parts.end()) return false;
  const auto at = own->second.config.find(key);
  return at != own->second.config.end() && at->second == value;
}

/// Keys that differ and may not.
status check_changes(const spread_wish& w, const object& row, std::optional<member_id> of,
                     bool clustered) {
  const auto before = shown_config(row, of);
  for (const auto& [key, value] : w.config) {
    const auto at = before.find(key);
    if ((at == before.end() ? std::string{} : at->second) == value) continue;
    const bool is_own = is_member_key(w.noun->where, key);
    if (!w.target.empty() && !is_own)
      return fail(errc::bad_request,
                  "Config key " + in_quotes(key) + " may not be used as member-specific key");
    // With the value that it has here it asks for nothing: a preseed that is applied again.
    if (w.target.empty() && clustered && is_own && !is_own_value(w, row, key, value))
      return fail(errc::bad_request,
                  "Config key " + in_quotes(key) + " is cluster member specific");
    if (key == "source" && at != before.end() && !spread_of(row)->is_pending &&
        !has_failed(row, of))
      return fail(errc::bad_request, "The \"source\" of a storage pool cannot be changed");
  }
  if (spread_of(row)->is_pending && w.target.empty())
    return fail(errc::bad_request, "Cannot update " + std::string(w.noun->noun) +
                                       " global config when not in created state");
  return check_keys(*w.noun, std::string(kind_of(row)), std::string(name_of(row)), w.config);
}

/// What a PUT leaves out goes, but for what this server has chosen itself.
void drop_left_out(string_map& from, const spread_wish& w) {
  std::erase_if(from, [&](const auto& item) {
    const auto at = w.config.find(item.first);
    if (at != w.config.end()) return at->second.empty();
    return w.is_whole && !item.first.starts_with("volatile.") && item.first != "source";
  });
}

}  // namespace

result<command_body> change_spread(const state_view& s, object row, spread_wish w,
                                   const std::function<std::uint64_t()>& chance) {
  const bool clustered = is_clustered(s);
  std::optional<member_id> of;
  if (!clustered) of = w.self;
  if (!w.target.empty()) {
    const auto target = s.by_name<member>({}, w.target);
    if (!target) return fail(errc::not_found, "Cluster member not found");
    of = target->id();
  }
  if (auto good = check_changes(w, row, of, clustered); !good) return good.error();
  if (const auto at = w.config.find("ipv4.address"); at != w.config.end() && at->second == "auto")
    fill_defaults(s, std::string(kind_of(row)), w.config, chance);
  if (w.target.empty()) drop_left_out(config_of(row), w);
  if (of) drop_left_out(spread_of(row)->parts[*of].config, w);
  std::erase_if(w.config, [&](const auto& item) {
    return is_member_key(w.noun->where, item.first) ? !of : !w.target.empty();
  });
  put_keys(row, of.value_or(member_id{}), w.config);
  if (w.target.empty() && w.has_description) description_of(row) = w.description;
  const auto seen = head_of(row).modified;
  return command_body{replace_object{std::move(row), seen}};
}

}  // namespace muster::http
