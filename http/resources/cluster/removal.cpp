#include "actors/state/commands/removal.hpp"

#include "http/resources/resources.hpp"
#include "schemas/basic/fault_point.hpp"
#include "schemas/basic/limits.hpp"

#include <thread>

namespace muster::http {

namespace {

bool is_set(const request& r, const std::string& name) {
  const auto value = r.parameter(name);
  return value == "1" || value == "true";
}

/// Images that lie on the leaving member alone are brought here first.
void fetch_what_is_only_there(api& a, const state_view& s, member_id who) {
  if (who == a.server().self()) return;
  for (const auto& i : s.all<image>())
    if (state::is_only_at(i, who)) (void)a.images().fetch(i.head.project, i.fingerprint).ok();
}

/// The server learns of it when the log needs it no more, and by itself if this does not happen.
void see_out(api& a, const member& gone) {
  if (gone.id() == a.server().self()) return;
  const auto deadline = clock::now() + limits::removal_seen_out_time;
  while (!a.server().is_out(gone.id()) && clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  fault_point("removal.before_tell");
  if (a.server().is_out(gone.id())) a.server().tell_removed(gone);
}

response remove(api& a, const request& r, const std::string& name) {
  auto read = a.server().read(node::freshness::strict);
  if (!read) return error(read.error());
  const auto& s = *read->state;
  if (!s.only<cluster>().value_or(cluster{}).enabled) return error(500, "Server is not clustered");
  const auto m = s.by_name<member>({}, name);
  if (!m) return error(404, "Cluster member not found");
  const bool force = is_set(r, "force");
  if (!force) {
    fetch_what_is_only_there(a, s, m->id());
    if (auto empty = state::check_holds_nothing(*a.server().local_view(), m->id()); !empty)
      return error(empty.error());
    if (!a.online().contains(m->id()))
      return error(503, "Cluster member \"" + name +
                            "\" is offline: start it, or remove it with --force; then nothing of "
                            "it is kept");
  }
  read->state.reset();  // no view is held while others are waited for
  fault_point("removal.before_write");
  auto done = a.submit(r, remove_member{m->id(), force});
  if (!done) return error(done.error());
  fault_point("removal.after_write");
  see_out(a, *m);
  if (m->id() != a.server().self()) a.roles_rest();
  return empty_sync();
}

response take_notice(api& a, const request& r) {
  a.server().learn_removal({r.body, r.header("x-muster-removed") != "empty"});
  return empty_sync();
}

}  // namespace

response api::leave_cluster(const request& r) {
  if (auto readable = node_.wait_readable(); !readable) return error(readable.error());
  if (!node_.is_clustered()) return error(400, "Server is not clustered");
  if (node_.local_view()->all<member>().size() > 1) return remove(*this, r, node_.name());
  if (auto empty = state::check_holds_nothing(*node_.local_view(), node_.self()); !empty)
    return error(empty.error());
  node_.reset();  // no view of the state may be held here
  return empty_sync();
}

void add_removal_routes(router& routes, api& a) {
  routes.add("DELETE", "/1.0/cluster/members/{name}",
             [&a](const request& r, const captures& c) { return remove(a, r, c.at("name")); });
  routes.add("POST", "/internal/cluster/removed",
             [&a](const request& r, const captures&) { return take_notice(a, r); });
}

}  // namespace muster::http
