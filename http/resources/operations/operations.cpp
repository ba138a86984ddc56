#include "actors/node/secrets.hpp"
#include "http/resources/resources.hpp"
#include "http/routing/operation_waits.hpp"
#include "schemas/basic/text_rules.hpp"

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
bool may_see_tokens(const caller& who) {
  return who.may == access::full || who.may == access::member;
}

/// Those of the server are shown to whoever sees all.
bool may_see(const caller& who, const std::string& project) {
  return may_see_tokens(who) || (!project.empty() && who.sees(project));
}

std::optional<node::operation> own_operation(api& a, const request& r, const std::string& uuid) {
  auto o = a.server().ops().get(uuid);
  if (!o || !may_see(a.caller_of(r), o->project)) return std::nullopt;
  return o;
}

/// Those of the server belong to every list.
bool is_asked_for(const request& r, const std::string& project) {
  return project.empty() || r.parameter("all-projects") == "true" ||
         project == api::project_asked(r);
}

struct listed {
  std::string status;
  std::string uuid;
  std::string json;
};

std::vector<listed> own_operations(api& a, const request& r, const caller& who) {
  std::vector<listed> all;
  for (const auto& o : a.server().ops().list()) {
    if (!may_see(who, o.project) || !is_asked_for(r, o.project)) continue;
    if (o.kind == node::op_class::token && !o.has_ended()) continue;  // listed from the state
    const auto json = render::operation(o);
    all.push_back({text_rules::lower(json_at(json, "status").value_or("running")), o.uuid, json});
  }
  return all;
}

/// Operations live on the members that run them: each is asked for its own.
std::vector<listed> others_operations(api& a, const request& r, const state_view& s,
                                      const caller& who) {
  std::vector<listed> all;
  for (const auto& answer : a.ask_others(s, "/internal/operations?projects=true")) {
    auto body = json_object::parse(answer);
    if (!body) continue;
    for (const auto& uuid : body->names()) {
      auto json = body->text(uuid);  // of a member of an older version, which says no project
      const auto whole = body->object(uuid);
      if (json.empty()) json = whole.text("json");
      const auto project = whole.text("project");
      if (!may_see(who, project) || !is_asked_for(r, project)) continue;
      all.push_back(
          {text_rules::lower(json_at(json, "status").value_or("running")), uuid, std::move(json)});
    }
  }
  return all;
}

response list_operations(api& a, const request& r, const state_view& s) {
  const auto who = a.caller_of(r);
  auto all = own_operations(a, r, who);
  if (s.only<cluster>().value_or(cluster{}).enabled)
    for (auto& o : others_operations(a, r, s, who)) all.push_back(std::move(o));
  if (may_see_tokens(who))
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

response no_operation() { return error(404, "Operation not found"); }

response shown_token(api& a, const request& r, const token& t) {
  if (!may_see_tokens(a.caller_of(r))) return no_operation();
  return sync(render::token_operation(t, secret_of(a, t)));
}

response shown_own(const request& r, const node::operation& o) {
  const bool is_token = o.kind == node::op_class::token;  // seen by whoever may see tokens
  return sync(render::operation(o, is_token || api::is_of_same(o.who, r)));
}

response show_operation(api& a, const request& r, const state_view& s, const std::string& uuid) {
  if (const auto t = find_token(s, uuid)) return shown_token(a, r, *t);
  if (const auto o = own_operation(a, r, uuid)) return shown_own(r, *o);
  if (auto there = passed_on(a, r, s, uuid)) return *std::move(there);
  return no_operation();
}

response cancel_operation(api& a, const request& r, const state_view& s, const std::string& uuid) {
  if (const auto t = find_token(s, uuid))
    return may_see_tokens(a.caller_of(r)) ? a.submitted(r, erase_object{key_of(*t), {}})
                                          : no_operation();
  if (!own_operation(a, r, uuid)) {
    if (auto there = passed_on(a, r, s, uuid)) return *std::move(there);
    return no_operation();
  }
  auto done = a.server().ops().cancel(uuid);
  return done ? empty_sync() : error(done.error());
}

/// A failed operation is the error of the wait.
response outcome_of(const node::operation& o) {
  if (o.now != node::op_status::failure)
    return sync(render::operation(o, o.kind == node::op_class::token));
  auto failed = error({o.error_code, o.error});
  failed.headers.erase("Retry-After");  // the wait itself was fine
  return failed;
}

response now_of(api& a, const std::string& uuid) {
  const auto o = a.server().ops().get(uuid);
  return o ? outcome_of(*o) : no_operation();
}

clock::time_point wait_end_of(const request& r) {
  std::int64_t seconds = -1;
  const auto text = r.parameter("timeout");
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  const auto most = std::chrono::seconds(wait_max);
  return clock::now() + (seconds < 0 ? most : std::min(std::chrono::seconds(seconds), most));
}

response wait_for_own(api& a, const request& r, const std::string& uuid) {
  const auto waiter = std::make_shared<std::optional<std::uint64_t>>();
  response answer;
  answer.later = [&a, uuid, waiter](const deliver& give) {
    *waiter = a.server().ops().when_ended(
        uuid, [give](const node::operation& o) { give([o] { return outcome_of(o); }); });
    if (!*waiter) give([] { return no_operation(); });
  };
  answer.waits =
      std::make_shared<patience>(patience{wait_end_of(r), [&a, uuid] { return now_of(a, uuid); },
                                          [&a, uuid, waiter] {
                                            if (*waiter) a.server().ops().forget(uuid, **waiter);
                                          }});
  return answer;
}

response wait_for_other(api& a, const request& r, const std::string& uuid) {
  const auto w = a.waits().add(uuid, r.keep());
  response answer;
  answer.later = [&a, w](const deliver& give) { a.waits().begin(w, give); };
  answer.waits = std::make_shared<patience>(patience{
      wait_end_of(r), [&a, w] { return a.waits().last(w); }, [&a, w] { a.waits().forget(w); }});
  return answer;
}

/// Never blocks, and holds no view of the state: the operation may be a join, which closes it.
response wait_operation(api& a, const request& r, const std::string& uuid) {
  if (const auto o = a.server().ops().get(uuid)) {
    if (!own_operation(a, r, uuid)) return no_operation();
    if (o->has_ended() || r.parameter("timeout") == "0") return outcome_of(*o);
    return wait_for_own(a, r, uuid);
  }
  const auto at = node::member_of_uuid(uuid);
  if (!at || at == a.server().self() || !a.local_member(at)) return no_operation();
  return wait_for_other(a, r, uuid);
}

}  // namespace

void api::follow_tokens() {
  const std::lock_guard guard(tokens_lock_);
  const auto tokens = node_.local_view()->all<token>();
  std::set<std::string> there;
  for (const auto& t : tokens) {
    there.insert(t.uuid);
    if (!node_.ops().get(t.uuid)) node_.ops().open(render::operation_of(t, secret_of(*this, t)));
  }
  for (const auto& o : node_.ops().list())
    if (o.is_open && !o.has_ended() && !there.contains(o.uuid)) node_.ops().end_open(o.uuid);
}

void api::hear_operation(const std::string& event_json) {
  const auto event = json_object::parse(event_json);
  if (!event) return;
  const auto o = event->object("metadata");
  if (o.number("status_code") >= static_cast<int>(node::op_status::success))
    waits_->hear_end(o.text("id"));
}

void add_operation_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/operations",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               return list_operations(a, r, s);
             }));
  using function = response (*)(api&, const request&, const state_view&, const std::string&);
  const auto add = [&routes, &a](const char* method, const char* pattern, function f) {
    routes.add(method, pattern, [&a, f](const request& r, const captures& c) {
      return f(a, r, *a.server().local_view(), c.at("id"));
    });
  };
  add("GET", "/1.0/operations/{id}", show_operation);
  add("DELETE", "/1.0/operations/{id}", cancel_operation);
  routes.add(
      "GET", "/1.0/operations/{id}/wait",
      [&a](const request& r, const captures& c) { return wait_operation(a, r, c.at("id")); },
      pace::quick);
  routes.add("GET", "/1.0/operations/{id}/websocket", [](const request&, const captures&) {
    return error(400, "an upgrade to websocket is expected");
  });
  routes.add("GET", "/1.0/events", [](const request&, const captures&) {
    auto bad = error(400, "Bad Request");
    bad.content_type = "text/plain; charset=utf-8";
    bad.body = "Bad Request\n";
    bad.headers["Sec-Websocket-Version"] = "13";
    return bad;
  });
}

}  // namespace muster::http
