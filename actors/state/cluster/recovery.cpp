#include "actors/state/commands/handlers.hpp"
#include "actors/state/commands/lifecycle.hpp"

#include <algorithm>

namespace muster::state {

/// The containers of members that are dead for certain do not count any more: should one come back,
/// what it reports and runs is of an older generation.
outcome handle(transaction& tx, const requestor& who, const recover_cluster& b) {
  auto row = tx.only<cluster>();
  const auto survivor = tx.row<member>({}, {b.survivor.value});
  if (!row || !survivor) return refuse(errc::refused, "the log belongs to no cluster");
  row->epoch_counter = b.epoch_counter;
  row->epoch_random = b.epoch_random;
  tx.put(*row);
  for (auto i : tx.all<instance>()) {
    if (std::find(b.dead.begin(), b.dead.end(), i.owner) == b.dead.end()) continue;
    ++i.generation;
    i.wanted = power::stopped;
    i.status = instance_status::error;
    tx.put(i);
  }
  event e;
  e.action = "cluster-recovered";
  e.source = "/1.0/cluster/" + survivor->name;
  e.context = {{"survivor", survivor->name}, {"epoch", std::to_string(b.epoch_counter)}};
  e.who = who;
  tx.emit(std::move(e));
  return done(survivor->head.id);
}

}  // namespace muster::state
