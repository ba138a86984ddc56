#include "actors/state/commands/handlers.hpp"
#include "actors/state/commands/lifecycle.hpp"
#include "actors/state/spreads/warnings.hpp"

/// What the leader finds out of the members: who can be heard, who has which role.
namespace muster::state {

namespace {

member_standing standing_of(const transaction& tx, const member& m) {
  member_standing none;
  none.head.id = m.head.id;
  return tx.row<member_standing>({}, m.head.id).value_or(none);
}

}  // namespace

outcome handle(transaction& tx, const requestor& who, const note_health& b) {
  for (const auto& c : b.changes) {
    const auto m = tx.row<member>({}, {c.about.value});
    if (!m) continue;  // removed meanwhile
    auto s = standing_of(tx, *m);
    const bool is_told = c.level != 0 && s.level != c.level;
    if (is_told) s.level = c.level;
    if (s.is_offline == c.is_offline) {
      if (is_told) tx.put(s);
      continue;
    }
    s.is_offline = c.is_offline;
    s.silent_since_ms = c.is_offline ? c.silent_since_ms : 0;
    tx.put(s);
    emit_for(tx, who, *m, c.is_offline ? "offline" : "online");
    if (c.is_offline)
      raise(tx, {member_offline, m->id(), key_of(*m), "nothing is heard of it", severity::low});
    else
      settle(tx, member_offline, m->id(), key_of(*m));
  }
  return done();
}

/// Never falls: what was applied at a level stays.
outcome handle(transaction& tx, const requestor& who, const raise_level& b) {
  auto row = tx.only<cluster>();
  if (!row || b.level <= row->level) return done();
  row->level = b.level;
  tx.put(*row);
  event e;
  e.action = "cluster-level-raised";
  e.source = "/1.0/cluster";
  e.context = {{"level", std::to_string(b.level)}};
  e.who = who;
  tx.emit(std::move(e));
  return done();
}

outcome handle(transaction& tx, const requestor& who, const note_roles& b) {
  for (const auto& c : b.changes) {
    const auto m = tx.row<member>({}, {c.about.value});
    if (!m) continue;
    auto s = standing_of(tx, *m);
    if (s.role == c.role) continue;
    const auto before = std::exchange(s.role, c.role);
    s.role_reason = c.reason;
    s.role_since_ms = tx.stamp_ms();
    tx.put(s);
    emit_for(tx, who, *m, "role-changed",
             {{"role", c.role}, {"old_role", before}, {"reason", c.reason}});
  }
  return done();
}

}  // namespace muster::state
