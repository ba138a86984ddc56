#include "http/routing/api.hpp"

#include "actors/link/tls/https_client.hpp"
#include "actors/node/secrets.hpp"
#include "http/resources/exec/exec_session.hpp"
#include "http/routing/operation_waits.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/text_rules.hpp"
#include "schemas/projects.hpp"

#include <caf/send.hpp>

#include <cstdio>
#include <random>

namespace muster::http {

api::api(services with)
    : with_(std::move(with)), node_(with_.server), execs_(std::make_unique<exec_sessions>()) {
  waits_ = std::make_unique<operation_waits>([this](const request& r) {
    auto look = r;
    look.target = r.path + "?timeout=0";
    const auto m = local_member(node::member_of_uuid(r.found.at("id")));
    return m ? forward(look, *m) : error(404, "Operation not found");
  });
}

api::~api() = default;

bool api::is_upload(const std::string& method, const std::string& path) {
  return method == "POST" && path == "/1.0/images";
}

// --- who may what

bool api::is_of_same(const requestor& who, const request& r) {
  const auto now = requestor_of(r);
  return who.username == now.username && who.protocol == now.protocol;
}

requestor api::requestor_of(const request& r) {
  if (r.peer.is_unix) return {r.peer.uid == 0 ? "root" : std::to_string(r.peer.uid), "unix", "@"};
  const auto forwarded = r.header("x-incus-forwarded-username");
  if (!forwarded.empty())
    return {forwarded, r.header("x-incus-forwarded-protocol"),
            r.header("x-incus-forwarded-address")};
  return {r.peer.fingerprint, "tls", r.peer.address};
}

namespace {

constexpr const char* forwarded_mark = "incus-cluster-client";

/// Tells requests apart in logs; no secret.
std::string new_trace() {
  static thread_local std::mt19937_64 chance{std::random_device{}()};
  char text[13];  // small enough to need no memory of its own
  std::snprintf(text, sizeof text, "%012llx", static_cast<unsigned long long>(chance() >> 16));
  return text;
}

/// `?consistency=`: strict, stale, or as usual.
node::freshness wanted_of(const request& r) {
  const auto text = r.parameter("consistency");
  if (text == "strict") return node::freshness::strict;
  return text == "stale" ? node::freshness::stale : node::freshness::usual;
}

}  // namespace

namespace {

response with_headers(response answer, const std::map<std::string, std::string>& more) {
  if (more.empty()) return answer;
  if (answer.later)
    answer.later = [later = std::move(answer.later), more](const deliver& give) {
      later([give, more](std::function<response()> make) {
        give([make = std::move(make), more] { return with_headers(make(), more); });
      });
    };
  answer.headers.insert(more.begin(), more.end());
  return answer;
}

}  // namespace

response api::handle(request& r) {
  r.trace = new_trace();
  routes_.look_up(r);
  take_identity(r);
  const auto more = cross_site_headers(r);
  if (r.method != "OPTIONS") return with_headers(handle_known(r), more);
  response nothing;
  nothing.content_type.clear();
  return with_headers(std::move(nothing), more);
}

/// For whoever listens to the log.
void api::tell_of(const request& r) const {
  if (!with_.events.is_heard("logging")) return;
  const auto who = requestor_of(r);
  with_.events.log("debug", "Handling API request",
                   {{"ip", who.address},
                    {"method", r.method},
                    {"protocol", who.protocol},
                    {"url", r.target},
                    {"username", who.username}},
                   node_.name());
}

response api::handle_known(request& r) {
  tell_of(r);
  const auto who = caller_of(r);
  // A member passes on for a client that this one may not have heard of yet.
  if (who.may == access::none && is_of_member(r)) {
    response answer;
    answer.later = [this, kept = r.shared_from_this()](const deliver& give) {
      node_.begin_read(node::freshness::strict, [=, this](const result<node::node::staleness>&) {
        give([=, this]() -> response {
          if (auto no = refused(*kept, caller_of(*kept))) return *std::move(no);
          return dispatch(*kept);
        });
      });
    };
    return answer;
  }
  if (auto no = refused(r, who)) return *std::move(no);
  return dispatch(r);
}

bool api::is_quick(request& r) const {
  // Where this server listens is changed by a worker.
  const bool may_listen =
      r.segments.size() == 1 && r.method != "GET" && !with_.addresses.is_fixed();
  routes_.look_up(r);
  return !may_listen && !r.query.contains("target") && r.way && r.way->how == pace::quick;
}

namespace {

/// What a member answers whose state is wrong: whatever shows nothing of the state.
bool needs_no_state(const request& r) {
  const auto& s = r.segments;
  return s.size() == 2 && s[0] == "internal" &&
         (s[1] == "status" || s[1] == "ready" || s[1] == "knock");
}

}  // namespace

/// What a server hears that was taken out of the cluster and says which member it was.
std::optional<response> api::told_removed(const request& r) const {
  const auto id = r.header("x-muster-member");
  if (id.empty() || id.size() > 18 || id.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  const auto notice = node_.notice_for(r.peer.fingerprint, {std::stoull(id)});
  if (!notice) return std::nullopt;
  response out;
  out.status = 410;
  out.content_type = "text/plain";
  out.headers["X-Muster-Removed"] = notice->forced ? "forced" : "empty";
  out.body = notice->text;
  return out;
}

namespace {

/// There are none, and none can be made.
response no_machines(const request& r) {
  if (r.segments.size() > 2) return error(404, "Instance not found");
  return r.method == "GET" ? list_answer(r, {}, {})
                           : error(400, "virtual machines are not supported yet");
}

}  // namespace

response api::dispatch(request& r) {
  if (const auto why = node_.barred(); why && !needs_no_state(r)) return error(*why);
  if (auto forwarded = forwarded_to_target(r)) return *std::move(forwarded);
  if (r.view == "virtual-machines") return no_machines(r);
  return router::dispatch(r);
}

/// `?target=` on routes that mean one member's own data. Elsewhere it is looked at by the route, or
/// accepted and ignored: the stock client sends it with everything.
std::optional<response> api::forwarded_to_target(const request& r) {
  const auto target = r.parameter("target");
  if (target.empty() || r.segments.size() > 2 || target.starts_with("@")) return std::nullopt;
  const bool is_own =
      r.segments.size() == 1 || (r.segments.size() == 2 && r.segments[1] == "resources");
  if (!is_own || r.segments[0] != "1.0") return std::nullopt;
  auto state = node_.read(node::freshness::usual);
  if (!state) return error(state.error());
  const auto m = state->state->by_name<member>({}, target);
  if (!m) return error(404, "Cluster member not found");
  if (m->id() == node_.self()) return std::nullopt;
  return forward(r, *m);
}

/// With them the other member knows for whom it is asked.
std::map<std::string, std::string> api::forwarded_headers(const request& r) {
  const auto who = requestor_of(r);
  return {{"User-Agent", forwarded_mark},
          {"X-Incus-forwarded-username", who.username},
          {"X-Incus-forwarded-protocol", who.protocol},
          {"X-Incus-forwarded-address", who.address}};
}

response api::forward(const request& r, const member& to) {
  if (r.header("user-agent") == forwarded_mark && is_of_member(r))
    return error(500, "the request was passed on twice: members disagree about where it belongs");
  const auto deadline = clock::now() + limits::forward_deadline;
  auto stream = node_.dial_member(to.address, to.fingerprint, clock::now() + limits::dial_deadline);
  if (!stream) return error(503, "Cluster member \"" + to.name + "\" is offline");
  tls::http_request ask;
  ask.method = r.method;
  ask.target = r.target;
  ask.body = r.body;
  ask.headers = forwarded_headers(r);
  for (const char* name : {"content-type", "if-match"})
    if (const auto value = r.header(name); !value.empty()) ask.headers[name] = value;
  auto answer = tls::ask(**stream, ask, {deadline, 16u << 20, {}});
  if (!answer) return error(answer.error());
  response out;
  out.status = answer->status;
  out.body = std::move(answer->body);
  for (const char* name :
       {"Location", "ETag", "Retry-After", "Content-Disposition", "Content-Range", "Accept-Ranges",
        "Last-Modified", "X-Content-Type-Options", "X-Muster-Stale", "X-Incus-Type"})
    if (const auto at = answer->headers.find(text_rules::lower(name)); at != answer->headers.end())
      out.headers[name] = at->second;
  if (const auto type = answer->headers.find("content-type"); type != answer->headers.end())
    out.content_type = type->second;
  return out;
}

// --- reading and writing

handler api::reading(state_handler h) {
  return [this, h = std::move(h)](const request& asked, const captures&) -> response {
    response answer;
    answer.later = [this, h, r = asked.keep()](const deliver& give) {
      node_.begin_read(wanted_of(*r), [=, this](const result<node::node::staleness>& how) {
        give([=, this]() -> response {
          if (!how) return error(how.error());
          auto made = h(*r, r->found, *node_.local_view());
          if (*how) made.headers["X-Muster-Stale"] = std::to_string(**how);
          return made;
        });
      });
    };
    return answer;
  };
}

std::string api::project_asked(const request& r) {
  auto name = r.parameter("project");
  return name.empty() ? std::string(default_project) : name;
}

project_id api::project_of(const state_view& s, const request& r, std::string_view feature) {
  const auto asked = s.find(table::project, {}, project_asked(r));
  return asked ? home_of(s, {asked->value}, feature) : project_id{};
}

result<outcome> api::submit(const request& r, command_body body) {
  return node_.write(std::move(body), requestor_of(r), r.trace, r.arrived + limits::write_deadline);
}

response api::submitted(const request& r, command_body body) {
  response answer;
  answer.later = [this, r = r.keep(), body = std::move(body)](const deliver& give) mutable {
    node_.begin_write(std::move(body), requestor_of(*r), r->trace,
                      r->arrived + limits::write_deadline, [give](const result<outcome>& done) {
                        give([=] { return done ? empty_sync() : error(done.error()); });
                      });
  };
  return answer;
}

response api::changing(const request& r, changer how, bool trusts_local) {
  return trusts_local ? try_change(r.keep(), std::move(how), false)
                      : change_again(r.keep(), std::move(how));
}

failure api::kept_changing() {
  return fail(errc::busy, "others kept changing the object; nothing was changed, try again");
}

response api::try_change(std::shared_ptr<const request> r, changer how, bool is_current) {
  auto wanted = how(*r, *node_.local_view());
  if (wanted.answer)
    return is_current ? *std::move(wanted.answer) : change_again(std::move(r), std::move(how));
  response answer;
  answer.later = [this, r, how = std::move(how), is_current, done = std::move(wanted.done),
                  body = *std::move(wanted.body)](const deliver& give) mutable {
    node_.begin_write(
        std::move(body), requestor_of(*r), r->trace, r->arrived + limits::write_deadline,
        [=, this, how = std::move(how), done = std::move(done)](result<outcome> what) mutable {
          if (what) return give([done = std::move(done)] { return done; });
          give([=, this, what = std::move(what), how = std::move(how)]() -> response {
            const auto code = what.error().code;
            const bool was_old = code == errc::changed || (!is_current && code == errc::not_found);
            if (!was_old || (is_current && !r->header("if-match").empty()))
              return error(what.error());
            if (clock::now() > r->arrived + limits::write_deadline / 2)
              return error(kept_changing());
            return change_again(r, how);
          });
        });
  };
  return answer;
}

response api::change_again(std::shared_ptr<const request> r, changer how) {
  response answer;
  answer.later = [this, r = std::move(r), how = std::move(how)](const deliver& give) {
    node_.begin_read(node::freshness::strict,
                     [=, this](const result<node::node::staleness>& readable) {
                       give([=, this]() -> response {
                         if (!readable) return error(readable.error());
                         return try_change(r, how, true);
                       });
                     });
  };
  return answer;
}

status api::order(const request& r, instances::order what) {
  auto o = std::make_shared<instances::order>(std::move(what));
  o->who = requestor_of(r);
  o->trace = r.trace;
  auto answer = o->answer.get_future();
  caf::anon_send(with_.instances, instances::begin_order{o});
  if (answer.wait_for(limits::order_time_max) != std::future_status::ready)
    return fail(errc::unknown_outcome, "the work on the instance goes on; look again later");
  return answer.get();
}

std::optional<response> api::passed_to_owner(const request& r, const state_view& s,
                                             const instance& row) {
  if (row.owner == node_.self()) return std::nullopt;
  const auto owner = s.row<member>({}, {row.owner.value});
  if (!owner) return error(503, "the member that owns the instance is not known here yet");
  return forward(r, *owner);
}

node::operation api::new_operation(std::string description, std::string project) {
  node::operation o;
  o.uuid = node::make_uuid(node_.self());
  o.description = std::move(description);
  o.project = std::move(project);
  o.location = node_.is_clustered() ? node_.name() : "none";
  return o;
}

response api::start_operation(node::operation what,
                              std::function<status(node::operations::handle&)> work,
                              std::function<void()> on_cancel) {
  auto started = node_.ops().start(std::move(what), std::move(work), std::move(on_cancel));
  if (!started) return error(started.error());
  auto answer = async(started->uuid, render::operation(*started, true));
  if (!started->project.empty())
    answer.headers["Location"] += "?project=" + percent_encode(started->project);
  return answer;
}

}  // namespace muster::http
