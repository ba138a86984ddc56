#include "actors/node/join_token.hpp"
#include "http/message/filter.hpp"
#include "http/routing/api.hpp"
#include "schemas/projects.hpp"

namespace muster::http {

namespace render {

std::string time(std::uint64_t ms) { return node::rfc3339(ms); }

std::string time_or_zero(std::uint64_t ms) {
  return ms == 0 ? "0001-01-01T00:00:00Z" : node::rfc3339(ms);
}

namespace {

const char* name_of(node::op_status s) {
  switch (s) {
    case node::op_status::pending:
      return "Pending";
    case node::op_status::running:
      return "Running";
    case node::op_status::cancelling:
      return "Cancelling";
    case node::op_status::success:
      return "Success";
    case node::op_status::failure:
      return "Failure";
    case node::op_status::cancelled:
      return "Cancelled";
  }
  return "Running";
}

const char* name_of(node::op_class c) {
  switch (c) {
    case node::op_class::task:
      return "task";
    case node::op_class::websocket:
      return "websocket";
    case node::op_class::token:
      return "token";
  }
  return "task";
}

void write_requestor(json_writer& w, const requestor& who) {
  if (who.protocol.empty()) return;
  w.key("requestor").begin_object();
  w.field("username", who.username).field("protocol", who.protocol).field("address", who.address);
  w.end_object();
}

}  // namespace

std::string operation(const node::operation& o, bool with_secrets) {
  json_writer w;
  w.begin_object().field("id", o.uuid).field("class", name_of(o.kind));
  w.field("description", o.description);
  w.field("created_at", time(o.created_ms)).field("updated_at", time(o.updated_ms));
  w.field("status", name_of(o.now)).field("status_code", static_cast<int>(o.now));
  w.key("resources").begin_object();
  for (const auto& [kind, urls] : o.resources) {
    if (kind == "cluster" && urls.empty())
      w.key(kind).null();
    else
      w.field(kind, urls);
  }
  w.end_object();
  const bool is_private = with_secrets && !o.private_json.empty();
  w.key("metadata").raw(is_private ? o.private_json : o.metadata_json);
  w.field("may_cancel", o.may_cancel).field("err", o.error).field("location", o.location);
  return w.end_object().take();
}

node::operation operation_of(const token& t, const std::string& secret) {
  json_writer m;
  m.begin_object().field("addresses", t.addresses);
  if (t.expires_ms != 0) m.field("expiresAt", time(t.expires_ms));
  m.field("fingerprint", t.fingerprint);
  if (t.kind == token_kind::trust) {
    m.key("request").begin_object().field("name", t.name).field("type", "client");
    m.field("restricted", t.restricted).field("projects", t.projects).field("certificate", "");
    m.field("description", "").field("trust_token", "").field("token", true).end_object();
  }
  m.field("secret", secret);
  if (t.kind == token_kind::join) m.field("serverName", t.name);
  m.end_object();
  node::operation o;
  o.uuid = t.uuid;
  o.kind = node::op_class::token;
  o.description = "Executing operation";
  o.created_ms = o.updated_ms = t.head.created_ms;
  o.metadata_json = "null";
  o.private_json = m.take();
  o.may_cancel = true;
  o.location = t.location;
  if (t.kind == token_kind::join) o.resources["cluster"] = {};
  return o;
}

std::string token_operation(const token& t, const std::string& secret) {
  return operation(operation_of(t, secret), true);
}

std::string event(const muster::event& e, const std::string& location) {
  json_writer w;
  w.begin_object().field("type", "lifecycle").field("timestamp", time(e.head.created_ms));
  w.key("metadata").begin_object().field("action", e.action).field("source", e.source);
  if (!e.context.empty()) w.field("context", e.context);
  write_requestor(w, e.who);
  if (!e.name.empty()) w.field("name", e.name);
  if (!e.name.empty() && !e.project.empty()) w.field("project", e.project);
  w.end_object();
  w.field("location", location);
  if (!e.project.empty()) w.field("project", e.project);
  return w.end_object().take();
}

std::string operation_event(const node::operation& o, const std::string& location) {
  json_writer w;
  w.begin_object().field("type", "operation").field("timestamp", time(o.updated_ms));
  w.key("metadata").raw(operation(o)).field("location", location);
  const bool is_token = o.kind == node::op_class::token;
  if (!o.project.empty() || is_token) w.field("project", is_token ? default_project : o.project);
  return w.end_object().take();
}

}  // namespace render

int recursion_of(const request& r) {
  const auto text = r.parameter("recursion");
  return text == "1" ? 1 : text == "2" ? 2 : 0;
}

result<std::string> filtered_list(const request& r, const std::vector<std::string>& items) {
  auto f = filter::parse(r.parameter("filter"));
  if (!f) return f.error();
  json_writer w;
  w.begin_array();
  for (const auto& item : items)
    if (f->accepts(item)) w.raw(item);
  return w.end_array().take();
}

response list_answer(const request& r, const std::vector<std::string>& urls,
                     const std::vector<std::string>& objects) {
  if (recursion_of(r) > 0) {
    auto list = filtered_list(r, objects);
    return list ? sync(*list) : error(list.error());
  }
  auto f = filter::parse(r.parameter("filter"));
  if (!f) return error(f.error());
  json_writer w;
  w.begin_array();
  for (std::size_t i = 0; i < urls.size(); ++i)
    if (f->accepts(objects[i])) w.value(urls[i]);
  return sync(w.end_array().take());
}

}  // namespace muster::http
