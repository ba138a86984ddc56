#include "actors/node/secrets.hpp"
#include "http/config/server_keys.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/wall_clock.hpp"
#include "storage/disk/sha256.hpp"

namespace muster::http {

namespace {

std::string render_certificate(const certificate& c) {
  json_writer w;
  w.begin_object().field("name", c.name).field("type", c.type).field("restricted", c.restricted);
  w.field("projects", c.projects).field("certificate", c.pem).field("description", c.description);
  w.field("fingerprint", c.fingerprint);
  return w.end_object().take();
}

std::string writable(const certificate& c) {
  json_writer w;
  w.begin_object().field("name", c.name).field("type", c.type).field("restricted", c.restricted);
  w.field("projects", c.projects).field("certificate", c.pem).field("description", c.description);
  return w.end_object().take();
}

certificate of_member(const member& m) {
  certificate c;
  c.fingerprint = m.fingerprint;
  c.type = "server";
  c.name = m.name;
  c.pem = m.certificate;
  return c;
}

/// Trusted clients, and in a cluster the members' own certificates as type server.
std::vector<certificate> all_certificates(const state_view& s) {
  std::vector<certificate> all;
  if (s.only<cluster>().value_or(cluster{}).enabled)
    for (const auto& m : s.all<member>()) all.push_back(of_member(m));
  for (auto& c : s.all<certificate>()) all.push_back(std::move(c));
  return all;
}

/// By fingerprint or a prefix of it that is not ambiguous.
result<certificate> find_certificate(const state_view& s, const std::string& print) {
  std::optional<certificate> found;
  for (auto& c : all_certificates(s)) {
    if (!c.fingerprint.starts_with(print)) continue;
    if (found) return fail(errc::bad_request, "More than one certificate matches");
    found = std::move(c);
  }
  if (!found || print.empty()) return fail(errc::not_found, "Certificate not found");
  return *std::move(found);
}

/// Projects of a certificate: there, and only with a bound that they mean.
status check_projects(const state_view& s, bool is_restricted,
                      const std::vector<std::string>& all) {
  if (!is_restricted && !all.empty())
    return fail(errc::bad_request,
                "projects are for restricted certificates: set restricted, or leave them out");
  for (const auto& name : all)
    if (!s.find(table::project, {}, name))
      return fail(errc::not_found, "Project \"" + name + "\" not found");
  return ok();
}

/// As Incus: what has no access is not added.
status in_time(const std::string& pem) {
  const auto good = tls::validity_of(pem);
  if (!good) return good.error();
  const auto now_s = static_cast<std::int64_t>(wall_ms() / 1000);
  if (now_s > good->until_s) return fail(errc::bad_request, "The provided certificate has expired");
  if (now_s < good->from_s)
    return fail(errc::bad_request, "The provided certificate isn't valid yet");
  return ok();
}

status check_projects_now(api& a, bool is_restricted, const std::vector<std::string>& all) {
  if (all.empty()) return ok();
  auto state = a.server().read(node::freshness::strict);
  return state ? check_projects(*state->state, is_restricted, all) : status(state.error());
}

/// Trust that was given, changed or taken counts on every member when its change is answered.
response in_force(api& a, const result<outcome>& done, response answer) {
  if (!done) return error(done.error());
  a.seen_everywhere();
  return answer;
}

response make_trust_token(api& a, const request& r, const json_object& body) {
  auto& n = a.server();
  if (n.address().empty())
    return error(400, "Can't issue token when server isn't listening on network");
  const auto secret = node::random_hex(32);
  const auto shown = n.shown_pair();
  token t;
  t.kind = token_kind::trust;
  t.uuid = node::make_uuid(n.self());
  t.name = body.text("name");
  t.restricted = body.flag("restricted");
  t.projects = body.list("projects").value_or(std::vector<std::string>{});
  if (auto good = body.good(); !good) return error(good.error());
  if (auto good = check_projects_now(a, t.restricted, t.projects); !good)
    return error(good.error());
  t.secret_hash = sha256_hex(secret);
  t.sealed_secret = node::seal(secret, shown.key);
  t.fingerprint = *tls::fingerprint_of(shown.certificate);
  t.addresses = {n.address()};
  t.location = n.is_clustered() ? n.name() : "none";
  const auto config = n.local_view()->only<server_config>().value_or(server_config{}).config;
  if (const auto life = config.find("core.remote_token_expiry"); life != config.end())
    t.expires_ms = expiry_ms(life->second).value_or(0);  // as for join tokens
  auto done = a.submit(r, create_object{t});
  if (!done) return error(done.error());
  const auto made = n.local_view()->row<token>({}, done->id);
  a.follow_tokens();  // who is answered can ask for it at once
  return async(t.uuid, render::token_operation(made.value_or(t), secret));
}

/// An untrusted client presents a trust token, or a server that is to join its join token.
response redeem(api& a, const request& r, const json_object& body) {
  const auto text = body.text("trust_token");
  auto pem = body.text("certificate");
  if (text.empty()) return error(403, "not authorized");
  auto decoded = node::decode_join_token(text);
  if (!decoded) return error(403, "not authorized");
  if (pem.empty()) pem = r.peer.certificate;
  if (pem.empty()) return error(400, "No client certificate provided");
  auto clean = tls::pem_from_any(pem);
  if (!clean) return error(clean.error());
  certificate c;
  c.pem = *clean;
  c.fingerprint = *tls::fingerprint_of(*clean);
  if (auto good = in_time(c.pem); !good) return error(good.error());
  const auto hash = sha256_hex(decoded->secret);
  const auto kind = decoded->server_name.empty() ? token_kind::trust : token_kind::join;
  if (auto known = a.server().expect_token(kind, hash); !known) return error(known.error());
  if (kind == token_kind::join) {
    auto done = a.submit(r, claim_token{hash, c.fingerprint});
    return done ? created("/1.0/certificates/" + c.fingerprint) : error(done.error());
  }
  return in_force(a, a.submit(r, redeem_token{hash, c}),
                  created("/1.0/certificates/" + c.fingerprint));
}

response add_certificate(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const auto who = a.access_of(r);
  const bool trusted = who == access::full || who == access::member;
  if (!trusted) return redeem(a, r, *body);
  if (body->flag("token")) return make_trust_token(a, r, *body);
  certificate c;
  c.name = body->text("name");
  c.type = body->text("type", "client");
  c.restricted = body->flag("restricted");
  c.projects = body->list("projects").value_or(std::vector<std::string>{});
  c.description = body->text("description");
  auto pem = body->text("certificate");
  if (auto good = body->good(); !good) return error(good.error());
  if (pem.empty() && !r.peer.is_unix) pem = r.peer.certificate;
  auto clean = tls::pem_from_any(pem);
  if (!clean) return error(clean.error());
  if (c.type != "client" && c.type != "metrics")
    return error(400, "Unknown certificate type \"" + c.type + "\"");
  if (auto good = in_time(*clean); !good) return error(good.error());
  if (auto good = check_projects_now(a, c.restricted, c.projects); !good)
    return error(good.error());
  c.pem = *clean;
  c.fingerprint = *tls::fingerprint_of(*clean);
  if (c.name.empty()) c.name = c.fingerprint.substr(0, 12);
  return in_force(a, a.submit(r, create_object{c}), created("/1.0/certificates/" + c.fingerprint));
}

/// PUT gives all, PATCH gives some.
result<certificate> merged(const state_view& s, certificate c, const json_object& body,
                           bool is_put) {
  const auto was = c;
  c.name = body.text("name", is_put ? "" : c.name);
  c.description = body.text("description", is_put ? "" : c.description);
  c.restricted = body.flag("restricted", is_put ? false : c.restricted);
  if (auto projects = body.list("projects"); projects || is_put)
    c.projects = projects.value_or(std::vector<std::string>{});
  if (auto good = body.good(); !good) return good.error();
  if (was.restricted && !c.restricted && c.projects == was.projects)
    c.projects.clear();  // its bounds go together
  if (auto good = check_projects(s, c.restricted, c.projects); !good) return good.error();
  return c;
}

response change_certificate(api& a, const request& r, const std::string& print) {
  const auto body = r.method == "DELETE" ? json_object::parse("{}") : json_object::parse(r.body);
  if (!body) return error(body.error());
  return a.change_everywhere(r, [&](const request& q, const state_view& s) -> api::change {
    const auto c = find_certificate(s, print);
    if (!c) return error(c.error());
    if (!c->head.id) return error(400, "The certificate of a member is changed with the member");
    if (auto match = check_etag(q, [&] { return writable(*c); }); !match)
      return error(match.error());
    const auto seen = c->head.modified;
    if (q.method == "DELETE") return {erase_object{key_of(*c), seen}, empty_sync()};
    auto next = merged(s, *c, *body, q.method == "PUT");
    if (!next) return error(next.error());
    return {replace_object{*std::move(next), seen}, empty_sync()};
  });
}

}  // namespace

void add_certificate_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/certificates",
             a.reading([](const request& r, const captures&, const state_view& s) {
               std::vector<std::string> urls;
               std::vector<std::string> objects;
               for (const auto& c : all_certificates(s)) {
                 urls.push_back("/1.0/certificates/" + c.fingerprint);
                 objects.push_back(render_certificate(c));
               }
               return list_answer(r, urls, objects);
             }));
  routes.add("POST", "/1.0/certificates",
             [&a](const request& r, const captures&) { return add_certificate(a, r); });
  routes.add("GET", "/1.0/certificates/{fingerprint}",
             a.reading([](const request&, const captures& c, const state_view& s) {
               auto found = find_certificate(s, c.at("fingerprint"));
               if (!found) return error(found.error());
               auto answer = sync(render_certificate(*found));
               answer.headers["ETag"] = etag_of(writable(*found));
               return answer;
             }));
  for (const char* method : {"PUT", "PATCH", "DELETE"})
    routes.add(method, "/1.0/certificates/{fingerprint}",
               [&a](const request& r, const captures& c) {
                 return change_certificate(a, r, c.at("fingerprint"));
               });
}

}  // namespace muster::http
