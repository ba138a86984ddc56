#include "actors/roles/roles_core.hpp"
#include "http/resources/resources.hpp"

namespace muster::http {

namespace {

bool has_role(api& a, member_id id) {
  auto now = a.server().now();
  if (!now) return false;
  const auto raft = (*now)->board().raft;
  const std::string role = roles::role_name(raft.members, id);
  return raft.leader == id || (!role.empty() && role != "spare");
}

/// The member itself hands over what it is, as before a stop.
response take_role(api& a, const request& r, const std::string& address) {
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  std::optional<member> of;
  for (auto& m : state->state->all<member>())
    if (m.address == address) of = std::move(m);
  state->state.reset();
  if (!of) return error(404, "No raft node with address \"" + address + "\"");
  if (!has_role(a, of->id())) return empty_sync();
  if (of->id() == a.server().self())
    a.server().hand_over();
  else if (a.online().contains(of->id()))
    return a.forward(r, *of);
  if (!has_role(a, of->id())) return empty_sync();
  return error(503, "Nobody who is online can take the role of member \"" + of->name +
                        "\"; if the server is gone: incus cluster remove --force " + of->name);
}

}  // namespace

void add_raft_node_routes(router& routes, api& a) {
  routes.add(
      "DELETE", "/internal/cluster/raft-node/{address}",
      [&a](const request& r, const captures& c) { return take_role(a, r, c.at("address")); });
}

}  // namespace muster::http
