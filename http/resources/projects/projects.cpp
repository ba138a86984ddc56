#include "schemas/projects.hpp"

#include "actors/state/commands/lifecycle.hpp"
#include "actors/state/restrictions/restrictions.hpp"
#include "http/config/project_keys.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/units.hpp"

#include <algorithm>

namespace muster::http {

namespace {

std::vector<std::string> used_by(const state_view& s, const project& p) {
  std::vector<std::string> urls;
  for (const auto where : {table::instance, table::image, table::profile})
    s.each(where, project_id{p.head.id.value}, [&](const object& o) {
      urls.push_back(state::path_of(s, o));
      return true;
    });
  return urls;
}

std::string render_project(const state_view& s, const project& p) {
  json_writer w;
  w.begin_object().field("config", p.config).field("description", p.description);
  w.field("name", p.name).field("used_by", used_by(s, p));
  return w.end_object().take();
}

std::string writable(const project& p) {
  json_writer w;
  w.begin_object().field("config", p.config).field("description", p.description);
  return w.end_object().take();
}

response create_project(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  project p;
  p.name = body->text("name");
  p.description = body->text("description");
  p.config = body->map("config").value_or(string_map{});
  if (auto good = body->good(); !good) return error(good.error());
  for (const char* feature : {"images", "profiles", "storage.volumes", "storage.buckets"})
    p.config.try_emplace(std::string("features.") + feature, "true");
  if (auto good = check_project_config(p.config); !good) return error(good.error());
  std::erase_if(p.config, [](const auto& item) { return item.second.empty(); });
  auto done = a.submit(r, create_object{p});
  if (!done) return error(done.error());
  a.seen_everywhere();
  return created("/1.0/projects/" + percent_encode(p.name));
}

result<project> merged(project p, const json_object& body, bool is_put) {
  auto config = body.map("config").value_or(string_map{});
  p.description = body.text("description", is_put ? "" : p.description);
  if (auto good = body.good(); !good) return good.error();
  if (auto good = check_project_config(config); !good) return good.error();
  if (is_put) {
    p.config = std::move(config);
  } else {
    for (auto& [key, value] : config) p.config[key] = value;
  }
  std::erase_if(p.config, [](const auto& item) { return item.second.empty(); });
  return p;
}

response change_project(api& a, const request& r) {
  const auto body = std::make_shared<result<json_object>>(json_object::parse(r.body));
  if (r.method != "DELETE" && !*body) return error(body->error());
  return a.change_everywhere(r, [body](const request& q, const state_view& s) -> api::change {
    const auto p = s.by_name<project>({}, q.found.at("name"));
    if (!p) return error(404, "Project not found");
    if (auto match = check_etag(q, [&] { return writable(*p); }); !match)
      return error(match.error());
    const auto seen = p->head.modified;
    if (q.method == "DELETE") return {erase_object{key_of(*p), seen}, empty_sync()};
    auto next = merged(*p, **body, q.method == "PUT");
    if (!next) return error(next.error());
    return {replace_object{*std::move(next), seen}, empty_sync()};
  });
}

response rename_project(api& a, const request& r, const std::string& name) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const auto next = body->text("name");
  if (auto good = body->good(); !good) return error(good.error());
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  const auto p = state->state->by_name<project>({}, name);
  if (!p) return error(404, "Project not found");
  if (state->state->find(table::project, {}, next))
    return error(409, "A project named \"" + next + "\" already exists");
  return a.start_operation(a.new_operation("Renaming project"),
                           [&a, r, key = key_of(*p), next](node::operations::handle&) -> status {
                             auto done = a.submit(r, rename_object{key, next});
                             if (!done) return done.error();
                             a.seen_everywhere();
                             return ok();
                           });
}

/// How much of a limit is used; 0 where an instance has none of it.
std::int64_t usage_of(const state_view& s, const project& p, const std::string& kind,
                      std::int64_t instances) {
  if (kind == "containers" || kind == "instances") return instances;
  const auto limit = "limits." + kind;
  if (std::find(state::summed_limits.begin(), state::summed_limits.end(), limit) ==
      state::summed_limits.end())
    return 0;
  const auto used = state::used_of(s, p, limit);
  return used ? static_cast<std::int64_t>(*used) : 0;
}

/// What a project uses of what it may.
response show_usage(const state_view& s, const std::string& name) {
  const auto p = s.by_name<project>({}, name);
  if (!p) return error(404, "Project not found");
  std::int64_t instances = 0;
  s.each(table::instance, project_id{p->head.id.value}, [&](const object&) {
    ++instances;
    return true;
  });
  json_writer w;
  w.begin_object().key("resources").begin_object();
  for (const std::string kind : {"containers", "cpu", "disk", "instances", "memory", "networks",
                                 "processes", "virtual-machines"}) {
    const auto most = units::bytes(value_in(p->config, "limits." + kind));
    w.key(kind).begin_object();
    w.field("Limit", most ? static_cast<std::int64_t>(*most) : std::int64_t{-1});
    w.field("Usage", usage_of(s, *p, kind, instances)).end_object();
  }
  return sync(w.end_object().end_object().take());
}

}  // namespace

void add_project_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/projects",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               std::vector<std::string> urls;
               std::vector<std::string> objects;
               const auto who = a.caller_of(r);
               for (const auto& p : s.all<project>()) {
                 if (!who.sees(p.name)) continue;
                 urls.push_back(state::path_of(s, p));
                 objects.push_back(render_project(s, p));
               }
               return list_answer(r, urls, objects);
             }));
  routes.add("POST", "/1.0/projects",
             [&a](const request& r, const captures&) { return create_project(a, r); });
  routes.add("GET", "/1.0/projects/{name}",
             a.reading([](const request&, const captures& c, const state_view& s) {
               const auto p = s.by_name<project>({}, c.at("name"));
               if (!p) return error(404, "Project not found");
               auto answer = sync(render_project(s, *p));
               answer.headers["ETag"] = etag_of(writable(*p));
               return answer;
             }));
  routes.add("GET", "/1.0/projects/{name}/state",
             a.reading([](const request&, const captures& c, const state_view& s) {
               return show_usage(s, c.at("name"));
             }));
  for (const char* method : {"PUT", "PATCH", "DELETE"})
    routes.add(method, "/1.0/projects/{name}",
               [&a](const request& r, const captures&) { return change_project(a, r); });
  routes.add("POST", "/1.0/projects/{name}", [&a](const request& r, const captures& c) {
    return rename_project(a, r, c.at("name"));
  });
}

}  // namespace muster::http
