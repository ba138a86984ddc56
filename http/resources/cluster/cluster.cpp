#include "actors/node/secrets.hpp"
#include "http/config/member_config.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/limits.hpp"

namespace muster::http {

namespace {

std::string cluster_json(const std::string& name, bool enabled, const std::string& keys) {
  json_writer w;
  w.begin_object().field("server_name", name).field("enabled", enabled);
  w.key("member_config").raw(keys);
  return w.end_object().take();
}

response show_cluster(api& a, const state_view& s) {
  const auto c = s.only<cluster>();
  const bool enabled = c && c->enabled;
  const auto json = cluster_json(enabled ? a.server().name() : "", enabled,
                                 member_config_json(s, a.server().self()));
  auto answer = sync(json);
  answer.headers["ETag"] = etag_of(json);
  return answer;
}

/// A new member makes its pools and networks before it counts as online. Gives what it could not
/// make, by name.
std::string await_own_parts(api& a) {
  const auto self = a.server().self();
  a.rows().wait_until(clock::now() + limits::parts_deadline,
                      [&] { return !owes(*a.server().local_view(), self); });
  json_writer w;
  w.begin_object();
  each_spread(*a.server().local_view(), [&](const object& row) {
    const auto& parts = spread_of(row)->parts;
    if (const auto at = parts.find(self);
        at != parts.end() && at->second.state == part_state::errored)
      w.field(name_of(row), at->second.reason);
    return true;
  });
  return w.end_object().take();
}

response join(api& a, const json_object& body) {
  auto& n = a.server();
  node::join_intent intent;
  intent.name = body.text("server_name");
  intent.token = body.text("cluster_token");
  intent.address = body.text("server_address");
  auto config = read_member_config(body);
  if (!config) return error(config.error());
  intent.config = *std::move(config);
  const auto certificate = body.text("cluster_certificate");
  const auto address = body.text("cluster_address");
  if (certificate.empty() && intent.token.empty())
    return error(400, "No target cluster member certificate provided");
  if (n.is_clustered()) return error(400, "This server is already clustered");
  if (intent.address.empty()) return error(400, "No server address provided for this member");
  const auto before = a.addresses().now();
  auto wanted =
      a.addresses().is_fixed() ? result<addresses>(before) : for_join(before, intent.address);
  if (!wanted) return error(wanted.error());
  intent.address = dialled(*wanted);
  if (intent.token.empty()) {  // the client has presented the token before
    auto print = tls::fingerprint_of(certificate);
    if (!print) return error(print.error());
    node::join_token t;
    t.server_name = intent.name;
    t.fingerprint = *print;
    t.addresses = {address};
    t.secret = "claimed";
    intent.token = node::encode(t);
  }
  auto o = a.new_operation("Joining cluster");
  o.resources["cluster"] = {};
  return a.start_operation(
      std::move(o),
      [&a, &n, intent, before, wanted = *wanted](node::operations::handle& h) -> status {
        if (auto heard = a.addresses().set(wanted); !heard) return heard;
        auto joined = n.join(intent);
        if (joined) {
          h.set_metadata(await_own_parts(a));
          a.roles_rest();
        }
        if (!joined && !n.is_clustered()) (void)a.addresses().set(before).ok();
        return joined;
      });
}

response enable(api& a, const request& r, const std::string& name) {
  auto& n = a.server();
  if (n.is_clustered()) return error(400, "This server is already clustered");
  const auto before = a.addresses().now();
  auto wanted = a.addresses().is_fixed() ? result<addresses>(before) : for_enable(before);
  if (!wanted) return error(wanted.error());
  auto o = a.new_operation("Creating bootstrap node");
  o.resources["cluster"] = {};
  return a.start_operation(std::move(o),
                           [&a, &n, name, before, wanted = *wanted, who = api::requestor_of(r),
                            trace = r.trace](node::operations::handle&) -> status {
                             if (auto heard = a.addresses().set(wanted); !heard) return heard;
                             auto done = n.enable(name, who, trace);
                             if (!done) (void)a.addresses().set(before).ok();
                             return done;
                           });
}

response change_cluster(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const bool enabled = body->flag("enabled");
  const auto name = body->text("server_name");
  const auto target = body->text("cluster_address");
  const auto token = body->text("cluster_token");
  if (auto good = body->good(); !good) return error(good.error());
  if (!enabled && !name.empty())
    return error(400, "ServerName must be empty when disabling clustering");
  if (!enabled) return a.leave_cluster(r);
  if (name.empty()) return error(400, "ServerName is required when enabling clustering");
  if (name.starts_with("@")) return error(400, "ServerName must not start with @");
  if (!target.empty() || !token.empty()) return join(a, *body);
  return enable(a, r, name);
}

}  // namespace

void add_cluster_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/cluster",
             a.reading([&a](const request&, const captures&, const state_view& s) {
               return show_cluster(a, s);
             }),
             pace::quick);
  routes.add("PUT", "/1.0/cluster",
             [&a](const request& r, const captures&) { return change_cluster(a, r); });
}

}  // namespace muster::http
