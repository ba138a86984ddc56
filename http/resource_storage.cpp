#include "http/api.hpp"

/// Storage pools and networks: list and show.
namespace muster::http {

namespace {

std::vector<std::string> member_names(const state_view& s) {
  std::vector<std::string> names;
  for (const auto& m : s.all<member>()) names.push_back(m.name);
  return names;
}

std::vector<std::string> users_of_pool(const state_view& s, const std::string& pool) {
  std::vector<std::string> urls;
  const auto uses = [&](const device_map& devices) {
    for (const auto& [name, device] : devices)
      if (const auto at = device.find("pool"); at != device.end() && at->second == pool)
        return true;
    return false;
  };
  for (const auto& p : s.all<profile>())
    if (uses(p.devices)) urls.push_back("/1.0/profiles/" + p.name);
  return urls;
}

std::string render_pool(const state_view& s, const storage_pool& p) {
  json_writer w;
  w.begin_object().field("config", p.config).field("description", p.description);
  w.field("name", p.name).field("driver", p.driver).field("used_by", users_of_pool(s, p.name));
  w.field("status", "Created");
  if (s.only<cluster>().value_or(cluster{}).enabled)
    w.field("locations", member_names(s));
  else
    w.key("locations").begin_array().value("none").end_array();
  return w.end_object().take();
}

std::string render_network(const state_view& s, const network& n) {
  json_writer w;
  w.begin_object().field("config", n.config).field("description", n.description);
  w.field("name", n.name).field("type", n.type);
  w.key("used_by").begin_array().end_array();
  w.field("managed", true).field("status", "Created").field("locations", member_names(s));
  w.field("project", "default");
  return w.end_object().take();
}

template <class T>
std::string writable(const T& row) {
  json_writer w;
  w.begin_object().field("config", row.config).field("description", row.description);
  return w.end_object().take();
}

/// List and show of one kind of row.
template <class T, class F>
void add_kind(router& routes, api& a, const std::string& path, const char* missing, F render_one) {
  routes.add("GET", path, a.reading([=](const request& r, const captures&, const state_view& s) {
    std::vector<std::string> urls;
    std::vector<std::string> objects;
    for (const auto& row : s.all<T>()) {
      urls.push_back(path + "/" + row.name);
      objects.push_back(render_one(s, row));
    }
    return list_answer(r, urls, objects);
  }));
  routes.add("GET", path + "/{name}",
             a.reading([=](const request&, const captures& c, const state_view& s) {
               const auto row = s.by_name<T>({}, c.at("name"));
               if (!row) return error(404, missing);
               auto answer = sync(render_one(s, *row));
               answer.headers["ETag"] = etag_of(writable(*row));
               return answer;
             }));
}

}  // namespace

void api::add_storage_routes() {
  add_kind<storage_pool>(routes_, *this, "/1.0/storage-pools", "Storage pool not found",
                         render_pool);
  add_kind<network>(routes_, *this, "/1.0/networks", "Network not found", render_network);
}

}  // namespace muster::http
