#include "actors/state/apply.hpp"

#include "actors/state/commands/handlers.hpp"
#include "schemas/basic/limits.hpp"

namespace muster::state {

namespace {

object_id place_of(std::uint64_t sequence) { return {sequence % limits::seen_requests_kept}; }

/// Opens the window of a new incarnation: no request of an older one is waited for any more.
void restart_window(transaction& tx, proposer& window, const request_id& id) {
  std::vector<row_key> old;
  tx.each(table::seen_request, project_id{id.member.value}, [&](const object& row) {
    old.push_back(key_of(row));
    return true;
  });
  for (const auto& key : old) tx.erase(key);
  window.current = id.started;
  window.low = window.high = 0;
}

void remember(transaction& tx, proposer window, const request_id& id, const outcome& result) {
  seen_request row;
  row.head.id = place_of(id.sequence);
  row.sequence = id.sequence;
  row.head.project = {id.member.value};
  row.result = result;
  tx.add(row);
  window.high = std::max(window.high, id.sequence);
  if (window.high - window.low > limits::seen_requests_kept)
    window.low = window.high - limits::seen_requests_kept;
  tx.put(window);
}

outcome refused(failure why) { return {false, std::move(why), {}, {}}; }

}  // namespace

outcome apply(transaction& tx, const command& c) {
  const auto& id = c.id;
  tx.asked_of(id.member);
  if (!id.member) return std::visit([&](const auto& b) { return handle(tx, c.who, b); }, c.body);

  if (tx.row<removed_member>({}, {id.member.value}))
    return refused(fail(errc::forbidden, "this member was removed from the cluster"));
  proposer window = tx.row<proposer>({}, {id.member.value}).value_or(proposer{});
  window.head.id = {id.member.value};
  if (id.started < window.current)
    return refused(fail(errc::refused, "the member that sent this request has restarted since"));
  if (window.current < id.started) restart_window(tx, window, id);
  if (id.sequence <= window.low)
    return refused(fail(errc::unknown_outcome, "the request is older than what is remembered"));
  if (id.sequence <= window.high)
    if (auto seen = tx.row<seen_request>({id.member.value}, place_of(id.sequence));
        seen && seen->sequence == id.sequence)
      return seen->result;

  outcome result = std::visit([&](const auto& b) { return handle(tx, c.who, b); }, c.body);
  if (!tx.row<removed_member>({}, {id.member.value})) remember(tx, window, id, result);
  return result;
}

}  // namespace muster::state
