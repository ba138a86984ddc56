#include "actors/node/secrets.hpp"
#include "actors/state/commands/groups.hpp"
#include "actors/state/rules/rules.hpp"
#include "http/config/server_keys.hpp"
#include "http/resources/cluster/member_edit.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/wall_clock.hpp"
#include "storage/disk/sha256.hpp"

#include <algorithm>

namespace muster::http {

namespace {

constexpr std::uint64_t default_expiry_ms = 3ULL * 3600 * 1000;

/// As Go writes a duration: 1h2m3s.
std::string duration_text(std::uint64_t seconds) {
  std::string text;
  if (seconds >= 3600) text += std::to_string(seconds / 3600) + "h";
  if (seconds >= 60) text += std::to_string(seconds / 60 % 60) + "m";
  return text + std::to_string(seconds % 60) + "s";
}

struct member_status {
  std::string status = "Online";
  std::string message = "Fully operational";
};

/// As the leader has noted it, so that every member says the same; without a quorum, as this member
/// sees it.
member_status status_of(api& a, const state_view& s, const member& m) {
  switch (m.state) {
    case member_state::evacuated:
      return {"Evacuated", "Unavailable due to maintenance"};
    case member_state::evacuating:
      return {"Evacuating", "Unavailable due to maintenance"};
    case member_state::restoring:
      return {"Restoring", "Unavailable due to maintenance"};
    case member_state::created:
      break;
  }
  const auto noted = s.row<member_standing>({}, m.head.id).value_or(member_standing{});
  const auto since = a.server().silent_since_ms(m.id(), noted);
  if (!since) {
    const auto r = a.server().now();
    if (r && !(*r)->has_leader())
      return {"Offline", a.online().contains(m.id())
                             ? "Reachable, but the cluster has no leader"
                             : "Not reachable, and the cluster has no leader"};
    if (noted.level != 0 && r && noted.level < (*r)->facts()->level)
      return {"Blocked", "Needs updating to newer version"};
    return {};
  }
  auto when = node::rfc3339(*since).substr(0, 19);
  when[10] = ' ';
  const auto silent_s = (std::max(wall_ms(), *since) - *since + 500) / 1000;
  return {"Offline", "No heartbeat for " + duration_text(silent_s) + " (" + when + " +0000 UTC)"};
}

bool holds(const std::vector<member_id>& ids, member_id id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// Roles that come and go by themselves are no part of it: an edit holds over a change of leader.
std::string writable(const member& m) {
  json_writer w;
  w.begin_object().field("roles", m.roles).field("failure_domain", m.failure_domain);
  w.field("description", m.description).field("config", m.config).field("groups", m.groups);
  return w.end_object().take();
}

std::vector<std::string> roles_of(api& a, const member& m) {
  auto roles = m.roles;
  auto r = a.server().now();
  if (!r) return roles;
  const auto raft = (*r)->board().raft;
  if (raft.leader == m.id()) roles.emplace_back("database-leader");
  if (holds(raft.members.voters, m.id())) roles.emplace_back("database");
  if (holds(raft.members.standbys, m.id())) roles.emplace_back("database-standby");
  return roles;
}

std::string render_member(api& a, const state_view& s, const member& m) {
  const auto roles = roles_of(a, m);
  const bool database = std::any_of(roles.begin(), roles.end(),
                                    [](const auto& r) { return r.starts_with("database"); });
  const auto [now, message] = status_of(a, s, m);
  json_writer w;
  w.begin_object().field("roles", roles).field("failure_domain", m.failure_domain);
  w.field("description", m.description).field("config", m.config).field("groups", m.groups);
  w.field("server_name", m.name).field("url", "https://" + m.address).field("database", database);
  w.field("status", now).field("message", message).field("architecture", m.architecture);
  return w.end_object().take();
}

response list_members(api& a, const request& r, const state_view& s) {
  if (!s.only<cluster>().value_or(cluster{}).enabled) return error(500, "Server is not clustered");
  std::vector<std::string> urls;
  std::vector<std::string> objects;
  for (const auto& m : s.all<member>()) {
    urls.push_back("/1.0/cluster/members/" + m.name);
    objects.push_back(render_member(a, s, m));
  }
  return list_answer(r, urls, objects);
}

response show_member(api& a, const state_view& s, const std::string& name) {
  const auto m = s.by_name<member>({}, name);
  if (!m) return error(404, "Cluster member not found");
  auto answer = sync(render_member(a, s, *m));
  answer.headers["ETag"] = etag_of(writable(*m));
  return answer;
}

/// The roles that come from the configuration of the log.
std::vector<std::string> automatic_roles(api& a, const member& m) {
  auto roles = roles_of(a, m);
  std::erase_if(roles, [](const auto& r) { return state::is_settable_role(r); });
  return roles;
}

response change_member(api& a, const request& r) {
  const auto body = std::make_shared<result<json_object>>(json_object::parse(r.body));
  if (!*body) return error(body->error());
  return a.changing(r, [&a, body](const request& q, const state_view& s) -> api::change {
    const auto m = s.by_name<member>({}, q.found.at("name"));
    if (!m) return error(404, "Cluster member not found");
    if (auto match = check_etag(q, [&] { return writable(*m); }); !match)
      return error(match.error());
    auto next = edited_member(*m, **body, q.method == "PUT", automatic_roles(a, *m));
    if (!next) return error(next.error());
    return {replace_object{*std::move(next), m->head.modified}, empty_sync()};
  });
}

response rename_member(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const auto name = body->text("server_name");
  if (name.empty()) return error(400, "No name provided");
  const auto how = [name](const request& q, const state_view& s) -> api::change {
    const auto m = s.by_name<member>({}, q.found.at("name"));
    if (!m) return error(404, "Cluster member not found");
    return {rename_object{key_of(*m), name}, empty_sync()};
  };
  return a.changing(r, how, false);
}

std::uint64_t token_life_ms(const state_view& s) {
  const auto config = s.only<server_config>().value_or(server_config{}).config;
  const auto set = config.find("cluster.join_token_expiry");
  return (set == config.end() ? std::nullopt : expiry_ms(set->second)).value_or(default_expiry_ms);
}

response make_token(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  auto& n = a.server();
  auto state = n.read(node::freshness::strict);
  if (!state) return error(state.error());
  const auto& s = *state->state;
  if (!n.is_clustered()) return error(400, "This server is not clustered");
  token t;
  t.kind = token_kind::join;
  t.name = body->text("server_name");
  const bool replace = body->flag("replace");
  if (auto good = body->good(); !good) return error(good.error());
  if (!state::is_valid_name(t.name))
    return error(400, "The name of a member is 1 to 64 characters, without white space or slashes");
  if (const auto there = s.by_name<member>({}, t.name)) {
    if (!replace) return error(500, "The cluster already has a member with name: " + t.name);
    if (a.online().contains(there->id()))
      return error(400, "The member " + t.name + " is online: stop it before it is replaced");
    t.replaces = there->id();
  } else if (replace) {
    return error(404, "Cluster member not found");
  }
  const auto secret = node::random_hex(32);
  const auto shown = n.shown_pair();
  t.uuid = node::make_uuid(n.self());
  t.secret_hash = sha256_hex(secret);
  t.sealed_secret = node::seal(secret, shown.key);
  t.fingerprint = *tls::fingerprint_of(shown.certificate);
  t.expires_ms = token_life_ms(s);  // from the entry's stamp on: see create_object
  t.location = n.name();
  for (const auto& m : s.all<member>())
    if (status_of(a, s, m).status == "Online") t.addresses.push_back(m.address);
  auto done = a.submit(r, create_object{t});
  if (!done) return error(done.error());
  const auto made = n.local_view()->row<token>({}, done->id);
  a.follow_tokens();  // who is answered can ask for it at once
  return async(t.uuid, render::token_operation(made.value_or(t), secret));
}

}  // namespace

void add_member_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/cluster/members",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               return list_members(a, r, s);
             }),
             pace::quick);
  routes.add("POST", "/1.0/cluster/members",
             [&a](const request& r, const captures&) { return make_token(a, r); });
  routes.add("GET", "/1.0/cluster/members/{name}",
             a.reading([&a](const request&, const captures& c, const state_view& s) {
               return show_member(a, s, c.at("name"));
             }),
             pace::quick);
  for (const char* method : {"PUT", "PATCH"})
    routes.add(
        method, "/1.0/cluster/members/{name}",
        [&a](const request& r, const captures&) { return change_member(a, r); }, pace::quick);
  routes.add(
      "POST", "/1.0/cluster/members/{name}",
      [&a](const request& r, const captures&) { return rename_member(a, r); }, pace::quick);
}

}  // namespace muster::http
