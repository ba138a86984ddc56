#include "actors/state/commands/handlers.hpp"
#include "actors/state/commands/lifecycle.hpp"

namespace muster::state {

namespace {

std::optional<instance> find_instance(const transaction& tx, const row_key& key) {
  if (key.where != table::instance) return std::nullopt;
  return tx.row<instance>(key.project, key.id);
}

outcome no_instance() { return refuse(errc::not_found, "Instance not found"); }

}  // namespace

outcome handle(transaction& tx, const requestor& who, const move_instance& b) {
  auto row = find_instance(tx, b.key);
  if (!row) return no_instance();
  const auto target = tx.row<member>({}, {b.owner.value});
  if (!target) return refuse(errc::not_found, "Cluster member not found");
  if (row->owner == b.owner)
    return refuse(errc::bad_request, "Requested target server is the same as current server");
  row->owner = b.owner;
  ++row->generation;
  tx.put(*row);
  emit_for(tx, who, *row, "migrated");
  return done(row->head.id);
}

outcome handle(transaction& tx, const requestor&, const want_instance& b) {
  auto row = find_instance(tx, b.key);
  if (!row) return no_instance();
  row->wanted = b.wanted;
  if (b.wanted == power::running) row->last_used_ms = tx.stamp_ms();
  tx.put(*row);
  return done(row->head.id);
}

outcome handle(transaction& tx, const requestor& who, const report_instance& b) {
  auto row = find_instance(tx, b.key);
  if (!row) return no_instance();
  if (row->generation != b.generation)
    return refuse(errc::changed, "the report is of an older owner of the instance");
  row->status = b.status;
  if (b.status != instance_status::creating) row->operation.clear();
  tx.put(*row);
  if (!b.action.empty()) emit_for(tx, who, *row, b.action);
  return done(row->head.id);
}

}  // namespace muster::state
