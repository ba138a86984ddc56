#include "http/api.hpp"

namespace muster::http {

namespace {

std::vector<std::string> used_by(const state_view& s, const project& p) {
  std::vector<std::string> urls;
  const project_id id{p.head.id.value};
  const std::string tail = p.name == "default" ? "" : "?project=" + p.name;
  for (const auto& i : s.all<instance>(id)) urls.push_back("/1.0/instances/" + i.name + tail);
  for (const auto& i : s.all<image>(id)) urls.push_back("/1.0/images/" + i.fingerprint + tail);
  for (const auto& i : s.all<profile>(id)) urls.push_back("/1.0/profiles/" + i.name + tail);
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

bool is_known(const std::string& key) {
  static const std::vector<std::string> features{"images",   "networks",        "networks.zones",
                                                 "profiles", "storage.buckets", "storage.volumes"};
  if (key.starts_with("user.")) return true;
  for (const auto& f : features)
    if (key == "features." + f) return true;
  return false;
}

status check(const string_map& config) {
  for (const auto& [key, value] : config)
    if (!is_known(key))
      return fail(errc::bad_request, "Invalid project configuration key \"" + key + "\"");
  return ok();
}

response create_project(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  project p;
  p.name = body->text("name");
  p.description = body->text("description");
  p.config = body->map("config").value_or(string_map{});
  if (auto good = body->good(); !good) return error(good.error());
  if (p.name.empty()) return error(400, "No name provided");
  if (p.name.find('/') != std::string::npos)
    return error(400, "Project names may not contain slashes");
  for (const char* feature : {"images", "profiles", "storage.volumes", "storage.buckets"})
    p.config.try_emplace(std::string("features.") + feature, "true");
  if (auto good = check(p.config); !good) return error(good.error());
  auto done = a.submit(r, create_object{p});
  return done ? created("/1.0/projects/" + p.name) : error(done.error());
}

response change_project(api& a, const request& r, const std::string& name) {
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  auto p = state->state->by_name<project>({}, name);
  if (!p) return error(404, "Project not found");
  if (auto match = check_etag(r, [&] { return writable(*p); }); !match) return error(match.error());
  if (r.method == "DELETE") return a.submitted(r, erase_object{key_of(*p), {}});
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const auto expected = r.header("if-match").empty() ? log_index{} : p->head.modified;
  auto config = body->map("config").value_or(string_map{});
  if (auto good = check(config); !good) return error(good.error());
  if (r.method == "PUT") {
    p->description = body->text("description");
    p->config = std::move(config);
  } else {
    p->description = body->text("description", p->description);
    for (auto& [key, value] : config) p->config[key] = value;
  }
  std::erase_if(p->config, [](const auto& item) { return item.second.empty(); });
  if (auto good = body->good(); !good) return error(good.error());
  return a.submitted(r, replace_object{*p, expected});
}

}  // namespace

void api::add_project_routes() {
  routes_.add("GET", "/1.0/projects",
              reading([](const request& r, const captures&, const state_view& s) {
                std::vector<std::string> urls;
                std::vector<std::string> objects;
                for (const auto& p : s.all<project>()) {
                  urls.push_back("/1.0/projects/" + p.name);
                  objects.push_back(render_project(s, p));
                }
                return list_answer(r, urls, objects);
              }));
  routes_.add("POST", "/1.0/projects",
              [this](const request& r, const captures&) { return create_project(*this, r); });
  routes_.add("GET", "/1.0/projects/{name}",
              reading([](const request&, const captures& c, const state_view& s) {
                const auto p = s.by_name<project>({}, c.at("name"));
                if (!p) return error(404, "Project not found");
                auto answer = sync(render_project(s, *p));
                answer.headers["ETag"] = etag_of(writable(*p));
                return answer;
              }));
  for (const char* method : {"PUT", "PATCH", "DELETE"})
    routes_.add(method, "/1.0/projects/{name}", [this](const request& r, const captures& c) {
      return change_project(*this, r, c.at("name"));
    });
}

}  // namespace muster::http
