#include "http/resources/instances/instance_json.hpp"
#include "http/resources/resources.hpp"

/// What operators should know: /1.0/warnings.
namespace muster::http {

namespace {

const char* text_of(severity s) {
  if (s == severity::high) return "high";
  return s == severity::moderate ? "moderate" : "low";
}

const char* text_of(warning_status s) {
  if (s == warning_status::acknowledged) return "acknowledged";
  return s == warning_status::resolved ? "resolved" : "new";
}

std::string url_of(const state_view& s, const row_key& about) {
  const auto row = s.get(about);
  if (!row) return "";
  if (about.where == table::instance) return instance_json::url(s, std::get<instance>(*row));
  if (about.where == table::storage_pool) return "/1.0/storage-pools/" + std::string(name_of(*row));
  return about.where == table::network ? "/1.0/networks/" + std::string(name_of(*row)) : "";
}

std::string render_warning(const state_view& s, const warning& x) {
  const auto where = s.row<member>({}, {x.location.value});
  json_writer w;
  w.begin_object().field("status", text_of(x.status)).field("uuid", x.uuid);
  w.field("location", where ? where->name : "").field("project", "");
  w.field("type", x.type).field("count", x.count);
  w.field("first_seen_at", render::time(x.head.created_ms));
  w.field("last_seen_at", render::time(x.last_seen_ms));
  w.field("last_message", x.message).field("severity", text_of(x.weight));
  return w.field("entity_url", url_of(s, x.about)).end_object().take();
}

response list_warnings(const request& r, const state_view& s) {
  std::vector<std::string> urls;
  std::vector<std::string> objects;
  for (const auto& x : s.all<warning>()) {
    urls.push_back("/1.0/warnings/" + x.uuid);
    objects.push_back(render_warning(s, x));
  }
  return list_answer(r, urls, objects);
}

response change_warning(api& a, const request& r) {
  const auto body = std::make_shared<result<json_object>>(json_object::parse(r.body));
  if (r.method != "DELETE" && !*body) return error(body->error());
  return a.changing(r, [body](const request& q, const state_view& s) -> api::change {
    auto x = s.by_name<warning>({}, q.found.at("uuid"));
    if (!x) return error(404, "Warning not found");
    const auto seen = x->head.modified;
    if (q.method == "DELETE") return {erase_object{key_of(*x), seen}, empty_sync()};
    const auto wanted = (*body)->text("status");
    if (wanted != "new" && wanted != "acknowledged")
      return error(400, "Status may only be set to \"acknowledge\" or \"new\"");
    x->status = wanted == "new" ? warning_status::fresh : warning_status::acknowledged;
    return {replace_object{*std::move(x), seen}, empty_sync()};
  });
}

}  // namespace

void add_warning_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/warnings",
             a.reading([](const request& r, const captures&, const state_view& s) {
               return list_warnings(r, s);
             }));
  routes.add("GET", "/1.0/warnings/{uuid}",
             a.reading([](const request&, const captures& c, const state_view& s) {
               const auto x = s.by_name<warning>({}, c.at("uuid"));
               return x ? sync(render_warning(s, *x)) : error(404, "Warning not found");
             }));
  for (const char* method : {"PUT", "PATCH", "DELETE"})
    routes.add(method, "/1.0/warnings/{uuid}",
               [&a](const request& r, const captures&) { return change_warning(a, r); });
}

}  // namespace muster::http
