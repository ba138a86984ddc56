#include "actors/node/secrets.hpp"
#include "http/api.hpp"

#include <charconv>

namespace muster::http {

namespace {

constexpr auto wait_max = std::chrono::hours(1);

/// The secret of a token, for whoever may list it.
std::string secret_of(api& a, const token& t) {
  auto secret = node::unseal(t.sealed_secret, a.server().shown_pair().key);
  return secret ? *secret : std::string{};
}

std::optional<token> find_token(const state_view& s, const std::string& uuid) {
  return s.by_name<token>({}, uuid);
}

/// A token is a secret: whoever may only read must not learn it.
bool may_see_tokens(api& a, const request& r) { return a.access_of(r) != access::restricted; }

std::string lower(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

struct listed {
  std::string status;
  std::string uuid;
  std::string json;
};

std::vector<listed> own_operations(api& a) {
  std::vector<listed> all;
  for (const auto& o : a.server().ops().list()) {
    const auto json = render::operation(o);
    all.push_back({lower(json_at(json, "status").value_or("running")), o.uuid, json});
  }
  return all;
}

/// Operations live on the members that run them: each is asked for its own.
std::vector<listed> others_operations(api& a, const state_view& s) {
  std::vector<listed> all;
  for (const auto& answer : a.ask_others(s, "/internal/operations")) {
    auto body = json_object::parse(answer);
    if (!body) continue;
    for (const auto& uuid : body->names()) {
      auto json = body->text(uuid);
      all.push_back({lower(json_at(json, "status").value_or("running")), uuid, std::move(json)});
    }
  }
  return all;
}

response list_operations(api& a, const request& r, const state_view& s) {
  auto all = own_operations(a);
  if (s.only<cluster>().value_or(cluster{}).enabled)
    for (auto& o : others_operations(a, s)) all.push_back(std::move(o));
  if (may_see_tokens(a, r))
    for (const auto& t : s.all<token>())
      all.push_back({"running", t.uuid, render::token_operation(t, secret_of(a, t))});
  std::map<std::string, std::vector<const listed*>> by_status;
  for (const auto& o : all) by_status[o.status].push_back(&o);
  json_writer w;
  w.begin_object();
  for (const auto& [name, list] : by_status) {
    w.key(name).begin_array();
    for (const auto* o : list) {
      if (recursion_of(r) > 0)
        w.raw(o->json);
      else
        w.value("/1.0/operations/" + o->uuid);
    }
    w.end_array();
  }
  return sync(w.end_object().take());
}

/// The member an operation lives on is in its id.
std::optional<response> passed_on(api& a, const request& r, const state_view& s,
                                  const std::string& uuid) {
  const auto at = node::member_of_uuid(uuid);
  if (!at || at == a.server().self()) return std::nullopt;
  const auto m = s.row<member>({}, {at.value});
  if (!m) return std::nullopt;
  return a.forward(r, *m);
}

response show_operation(api& a, const request& r, const state_view& s, const std::string& uuid) {
  if (const auto t = find_token(s, uuid); t && !may_see_tokens(a, r))
    return error(404, "Operation not found");
  if (const auto t = find_token(s, uuid))
    return sync(render::token_operation(*t, secret_of(a, *t)));
  if (const auto o = a.server().ops().get(uuid)) return sync(render::operation(*o));
  if (auto there = passed_on(a, r, s, uuid)) return *std::move(there);
  return error(404, "Operation not found");
}

response cancel_operation(api& a, const request& r, const state_view& s, const std::string& uuid) {
  if (const auto t = find_token(s, uuid)) return a.submitted(r, erase_object{key_of(*t), {}});
  if (!a.server().ops().get(uuid))
    if (auto there = passed_on(a, r, s, uuid)) return *std::move(there);
  auto done = a.server().ops().cancel(uuid);
  return done ? empty_sync() : error(done.error());
}

/// No view of the state is held while it waits: the operation may be a join, which closes it.
response wait_operation(api& a, const request& r, const std::string& uuid) {
  if (!a.server().ops().get(uuid)) return show_operation(a, r, *a.server().local_view(), uuid);
  std::int64_t seconds = -1;
  const auto text = r.parameter("timeout");
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  const auto until = clock::now() + (seconds < 0 ? std::chrono::seconds(wait_max)
                                                 : std::min<std::chrono::seconds>(
                                                       std::chrono::seconds(seconds), wait_max));
  const auto o = a.server().ops().wait(uuid, until);
  if (!o) return error(404, "Operation not found");
  // As Incus does: a failed operation is the error of the wait.
  if (o->now == node::op_status::failure) return error({o->error_code, o->error});
  return sync(render::operation(*o));
}

}  // namespace

void api::add_operation_routes() {
  routes_.add("GET", "/1.0/operations",
              reading([this](const request& r, const captures&, const state_view& s) {
                return list_operations(*this, r, s);
              }));
  using function = response (*)(api&, const request&, const state_view&, const std::string&);
  const auto add = [this](const char* method, const char* pattern, function f) {
    routes_.add(method, pattern, [this, f](const request& r, const captures& c) {
      return f(*this, r, *node_.local_view(), c.at("id"));
    });
  };
  add("GET", "/1.0/operations/{id}", show_operation);
  add("DELETE", "/1.0/operations/{id}", cancel_operation);
  routes_.add("GET", "/1.0/operations/{id}/wait", [this](const request& r, const captures& c) {
    return wait_operation(*this, r, c.at("id"));
  });
  routes_.add("GET", "/1.0/operations/{id}/websocket", [](const request&, const captures&) {
    return error(400, "an upgrade to websocket is expected");
  });
  routes_.add("GET", "/1.0/events", [](const request&, const captures&) {
    auto bad = error(400, "Bad Request");
    bad.content_type = "text/plain; charset=utf-8";
    bad.body = "Bad Request\n";
    bad.headers["Sec-Websocket-Version"] = "13";
    return bad;
  });
}

}  // namespace muster::http
