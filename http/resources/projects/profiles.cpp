#include "actors/state/commands/lifecycle.hpp"
#include "http/config/instance_keys.hpp"
#include "http/resources/resources.hpp"
#include "schemas/projects.hpp"

#include <algorithm>

namespace muster::http {

namespace {

std::vector<std::string> used_by(const state_view& s, const profile& p) {
  std::vector<std::string> urls;
  each_user_of_profile(s, p, [&](const instance& i) { urls.push_back(state::path_of(s, i)); });
  return urls;
}

std::string render_profile(const state_view& s, const profile& p) {
  json_writer w;
  w.begin_object().field("config", p.config).field("description", p.description);
  w.field("devices", p.devices).field("name", p.name).field("used_by", used_by(s, p));
  w.field("project", project_name(s, p.head.project));
  return w.end_object().take();
}

std::string writable(const profile& p) {
  json_writer w;
  w.begin_object().field("config", p.config).field("description", p.description);
  w.field("devices", p.devices);
  return w.end_object().take();
}

status check(const profile& p) {
  if (auto good = check_instance_config(p.config); !good) return good;
  return check_devices(p.devices);
}

response create_profile(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  profile p;
  p.name = body->text("name");
  p.description = body->text("description");
  p.config = body->map("config").value_or(string_map{});
  p.devices = body->devices("devices").value_or(device_map{});
  if (auto good = body->good(); !good) return error(good.error());
  if (p.name.empty()) return error(400, "No name provided");
  if (p.name.find('/') != std::string::npos)
    return error(400, "Profile names may not contain slashes");
  if (auto good = check(p); !good) return error(good.error());
  return a.changing(r, [p](const request& q, const state_view& s) -> api::change {
    create_object wanted{p};
    const auto where = api::project_of(s, q, "profiles");
    if (!where) return error(404, "Project not found");
    if (auto there = check_places(s, p.devices); !there) return error(there.error());
    std::get<profile>(wanted.value).head.project = where;
    return {std::move(wanted), created("/1.0/profiles/" + percent_encode(p.name))};
  });
}

/// PUT gives all, PATCH gives some.
result<profile> merged(profile p, const json_object& body, bool is_put) {
  auto config = body.map("config").value_or(string_map{});
  auto devices = body.devices("devices").value_or(device_map{});
  p.description = body.text("description", is_put ? "" : p.description);
  if (is_put) {
    p.config = std::move(config);
    p.devices = std::move(devices);
  } else {
    for (auto& [key, value] : config) p.config[key] = value;
    for (auto& [key, device] : devices) p.devices[key] = device;
  }
  std::erase_if(p.config, [](const auto& item) { return item.second.empty(); });
  if (auto good = body.good(); !good) return good.error();
  if (auto good = check(p); !good) return good.error();
  return p;
}

response change_profile(api& a, const request& r) {
  const auto body = std::make_shared<result<json_object>>(json_object::parse(r.body));
  if (r.method != "DELETE" && !*body) return error(body->error());
  const auto how = [body](const request& q, const state_view& s) -> api::change {
    const auto p = s.by_name<profile>(api::project_of(s, q, "profiles"), q.found.at("name"));
    if (!p) return error(404, "Profile not found");
    if (auto match = check_etag(q, [&] { return writable(*p); }); !match)
      return error(match.error());
    const auto seen = p->head.modified;
    if (q.method == "DELETE") return {erase_object{key_of(*p), seen}, empty_sync()};
    if (q.method == "POST") {
      const auto next = (*body)->text("name");
      if (next.empty()) return error(400, "No name provided");
      return {rename_object{key_of(*p), next}, created("/1.0/profiles/" + percent_encode(next))};
    }
    auto next = merged(*p, **body, q.method == "PUT");
    if (!next) return error(next.error());
    if (auto there = check_places(s, next->devices); !there) return error(there.error());
    return {replace_object{*std::move(next), seen}, empty_sync()};
  };
  return a.changing(r, how, r.method != "POST");
}

std::vector<profile> seen(const state_view& s, const api& a, const request& r,
                          std::optional<project_id> where) {
  auto all = s.all<profile>(where);
  if (!where) drop_unseen(s, a.caller_of(r), all);
  return all;
}

}  // namespace

void add_profile_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/profiles",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               std::vector<std::string> urls;
               std::vector<std::string> objects;
               std::optional<project_id> where = api::project_of(s, r, "profiles");
               if (r.parameter("all-projects") == "true") where.reset();
               if (!where || *where)
                 for (const auto& p : seen(s, a, r, where)) {
                   urls.push_back(state::path_of(s, p));
                   objects.push_back(render_profile(s, p));
                 }
               return list_answer(r, urls, objects);
             }));
  routes.add(
      "POST", "/1.0/profiles",
      [&a](const request& r, const captures&) { return create_profile(a, r); }, pace::quick);
  routes.add("GET", "/1.0/profiles/{name}",
             a.reading([](const request& r, const captures& c, const state_view& s) {
               const auto p = s.by_name<profile>(api::project_of(s, r, "profiles"), c.at("name"));
               if (!p) return error(404, "Fetch profile: Profile not found");
               auto answer = sync(render_profile(s, *p));
               answer.headers["ETag"] = etag_of(writable(*p));
               return answer;
             }),
             pace::quick);
  for (const char* method : {"PUT", "PATCH", "POST", "DELETE"})
    routes.add(
        method, "/1.0/profiles/{name}",
        [&a](const request& r, const captures&) { return change_profile(a, r); }, pace::quick);
}

}  // namespace muster::http
