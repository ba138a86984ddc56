#include "actors/state/commands/lifecycle.hpp"

#include "actors/state/rules/rules.hpp"
#include "schemas/basic/text_rules.hpp"
#include "schemas/projects.hpp"
#include "schemas/spread.hpp"

namespace muster::state {

std::string path_of(const state_view& state, const object& row) {
  const auto& rules = rules_of(table_of(row));
  if (rules.collection.empty()) return {};
  std::string path =
      "/1.0/" + std::string(rules.collection) + "/" + text_rules::percent_encode(name_of(row));
  if (const auto name = project_name(state, head_of(row).project);
      !name.empty() && name != default_project)
    path += "?project=" + text_rules::percent_encode(name);
  return path;
}

std::string_view verb_of(const object* old, const object& next) {
  if (const auto* w = std::get_if<warning>(&next))
    return w->status == warning_status::acknowledged ? "acknowledged" : "reset";
  const auto* now = spread_of(next);
  if (!now) return old ? "updated" : "created";
  if (now->is_pending) return {};
  return old && !spread_of(*old)->is_pending ? "updated" : "created";
}

void emit_for(transaction& tx, const requestor& who, const object& row, std::string_view verb,
              string_map context) {
  event e;
  e.source = path_of(tx, row);
  if (e.source.empty()) return;
  e.action = std::string(rules_of(table_of(row)).noun) + "-" + std::string(verb);
  e.project = project_name(tx, head_of(row).project);
  if (std::holds_alternative<instance>(row)) e.name = name_of(row);
  e.context = std::move(context);
  e.who = who;
  tx.emit(std::move(e));
}

}  // namespace muster::state
