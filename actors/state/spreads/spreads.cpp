#include "actors/state/spreads/spreads.hpp"

#include "actors/state/commands/handlers.hpp"
#include "actors/state/spreads/warnings.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/spread.hpp"

namespace muster::state {

namespace {

const char* warning_of(const row_key& key) {
  return key.where == table::network ? "Network unavailable" : "Storage pool unavailable";
}

/// `parent` says where a network of these types goes out; nothing can stand for it.
bool needs_parent(const object& row) {
  const auto kind = kind_of(row);
  return row.index() == object{network{}}.index() && (kind == "physical" || kind == "macvlan");
}

outcome report_leftover(transaction& tx, const report_part& b) {
  auto row = tx.row<leftover>({}, b.key.id);
  if (!row || row->on != b.on) return done();  // said before
  if (b.state == part_state::created) {
    forget_warnings(tx, b.on, row->of);
    tx.erase(b.key);
    return done(b.key.id);
  }
  row->reason = b.reason.substr(0, limits::reason_bytes_max);
  tx.put(*row);
  raise(tx, {warning_of(row->of), b.on, row->of,
             "Removing \"" + row->of_name + "\": " + row->reason, severity::high});
  return done(b.key.id);
}

}  // namespace

void settle_spread(const state_view& state, const object* old, object& next) {
  auto* now = spread_of(next);
  if (!now) return;
  const auto* before = old ? spread_of(*old) : nullptr;
  now->version = before ? before->version : 0;
  if (before)
    for (const auto& [id, was] : before->parts) {
      auto& is = now->parts[id];
      is.state = was.state;
      is.reason = was.reason;
      is.version = was.version;
    }
  if (now->is_pending) return;
  ++now->version;
  for (const auto& m : state.all<member>()) now->parts.try_emplace(m.id());
}

void leave_over(transaction& tx, const object& row) {
  const auto* s = spread_of(row);
  if (!s) return;
  forget_warnings(tx, std::nullopt, key_of(row));
  std::map<member_id, std::size_t> owed;
  for (const auto& l : tx.all<leftover>()) ++owed[l.on];
  for (const auto& [id, p] : s->parts) {
    if (s->version == 0) continue;
    if (p.version == 0 && owed[id] >= limits::leftovers_max) continue;
    leftover l;
    l.head.id = tx.next_object();
    l.of = key_of(row);
    l.of_name = name_of(row);
    l.on = id;
    tx.put(l);
  }
}

status check_member_keys(const state_view& state, const std::vector<member_key>& config) {
  status all = ok();
  each_spread(state, [&](const object& row) {
    if (spread_of(row)->is_pending || !needs_parent(row)) return true;
    const bool given = std::any_of(config.begin(), config.end(), [&](const member_key& k) {
      return k.where == table_of(row) && k.name == name_of(row) && k.key == "parent" &&
             !k.value.empty();
    });
    if (!given)
      all = fail(errc::refused, "Missing network \"" + std::string(name_of(row)) +
                                    "\" in project \"default\": member_config gives no value for "
                                    "its key \"parent\"");
    return given;
  });
  return all;
}

status spread_to(transaction& tx, member_id fresh, const std::vector<member_key>& config) {
  if (auto good = check_member_keys(tx, config); !good) return good;
  std::vector<object> rows;
  each_spread(tx, [&](const object& row) {
    if (!spread_of(row)->is_pending) rows.push_back(row);
    return true;
  });
  for (auto& row : rows) {
    part fresh_part;
    for (const auto& k : config)
      if (k.where == table_of(row) && k.name == name_of(row) && !k.value.empty() &&
          is_member_key(k.where, k.key) && !k.key.starts_with("volatile."))
        fresh_part.config[k.key] = k.value;
    auto& across = *spread_of(row);
    if (across.version == 0 && fresh_part.config.empty()) continue;
    across.version = std::max<std::uint64_t>(across.version, 1);
    across.parts[fresh] = std::move(fresh_part);
    tx.put(row);
  }
  return ok();
}

void forget_parts(transaction& tx, member_id gone) {
  std::vector<object> rows;
  each_spread(tx, [&](const object& row) {
    if (spread_of(row)->parts.contains(gone)) rows.push_back(row);
    return true;
  });
  for (auto& row : rows) {
    spread_of(row)->parts.erase(gone);
    tx.put(row);
  }
  for (const auto& l : tx.all<leftover>())
    if (l.on == gone) tx.erase(key_of(l));
  forget_warnings(tx, gone, std::nullopt);
}

outcome handle(transaction& tx, const requestor&, const report_part& b) {
  if (b.key.where == table::leftover) return report_leftover(tx, b);
  const auto found = tx.get(b.key);
  if (!found || !spread_of(*found)) return refuse(errc::not_found, "the object is gone");
  object row = *found;
  auto& across = *spread_of(row);
  const auto at = across.parts.find(b.on);
  if (at == across.parts.end()) {
    if (!tx.row<member>({}, {b.on.value}))
      return refuse(errc::not_found, "Cluster member not found");
  } else if (b.version < at->second.version) {
    return refuse(errc::changed, "the report is on an older version");
  }
  auto& p = across.parts[b.on];
  p.version = std::min(b.version, across.version);
  p.state = b.state;
  p.reason = b.reason.substr(0, limits::reason_bytes_max);
  for (const auto& [key, value] : b.config)
    if (is_member_key(b.key.where, key)) p.config.try_emplace(key, value);
  const bool has_failed = p.state == part_state::errored;
  const auto reason = p.reason;
  tx.put(row);
  if (has_failed)
    raise(tx, {warning_of(b.key), b.on, b.key, reason, severity::high});
  else
    settle(tx, warning_of(b.key), b.on, b.key);
  if (!is_due(across, b.on)) settle(tx, missing_change, b.on, b.key);
  return done(b.key.id);
}

}  // namespace muster::state
