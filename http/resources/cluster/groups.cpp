#include "actors/state/commands/groups.hpp"

#include "actors/state/commands/lifecycle.hpp"
#include "http/resources/cluster/member_edit.hpp"
#include "http/resources/resources.hpp"

#include <algorithm>

namespace muster::http {

namespace {

using strings = std::vector<std::string>;
constexpr const char* collection = "/1.0/cluster/groups";

strings members_of(const state_view& s, const cluster_group& g) {
  strings all;
  for (const auto& m : s.all<member>())
    if (state::is_in_group(m, g.name)) all.push_back(m.name);
  return all;
}

/// Instances that were placed in the group, projects that are confined to it.
strings users_of(const state_view& s, const cluster_group& g) {
  strings urls;
  for (const auto& p : s.all<project>()) {
    for (const auto& i : s.all<instance>(project_id{p.head.id.value}))
      if (const auto at = i.config.find("volatile.cluster.group");
          at != i.config.end() && at->second == g.name)
        urls.push_back(state::path_of(s, i));
    if (const auto at = p.config.find("restricted.cluster.groups");
        at != p.config.end() &&
        ("," + at->second + ",").find("," + g.name + ",") != std::string::npos)
      urls.push_back(state::path_of(s, p));
  }
  return urls;
}

/// @param who none: without users.
std::string render_group(const state_view& s, const cluster_group& g,
                         const std::optional<caller>& who) {
  json_writer w;
  w.begin_object().field("name", g.name).field("description", g.description);
  w.field("members", members_of(s, g)).field("config", g.config);
  if (who) w.field("used_by", who->seen_of(users_of(s, g)));
  return w.end_object().take();
}

std::string writable(const state_view& s, const cluster_group& g) {
  json_writer w;
  w.begin_object().field("description", g.description).field("members", members_of(s, g));
  return w.field("config", g.config).end_object().take();
}

bool is_clustered(const state_view& s) { return s.only<cluster>().value_or(cluster{}).enabled; }

response not_clustered() { return error(400, "This server is not clustered"); }

std::optional<std::string> wrong_name(const std::string& name) {
  if (name.empty()) return "No name provided";
  if (name.find('/') != std::string::npos) return "Cluster group names may not contain slashes";
  if (name == "." || name == "..") return "Invalid cluster group name \"" + name + "\"";
  return std::nullopt;
}

response list_groups(const request& r, const state_view& s) {
  if (!is_clustered(s)) return not_clustered();
  strings urls;
  strings objects;
  for (const auto& g : state::all_groups(s)) {
    urls.push_back(std::string(collection) + "/" + g.name);
    objects.push_back(render_group(s, g, std::nullopt));
  }
  return list_answer(r, urls, objects);
}

response show_group(const state_view& s, const std::string& name, const caller& who) {
  if (!is_clustered(s)) return not_clustered();
  const auto g = state::find_group(s, name);
  if (!g) return error(404, "Cluster group not found");
  auto answer = sync(render_group(s, *g, who));
  answer.headers["ETag"] = etag_of(writable(s, *g));
  return answer;
}

response create_group(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  put_group b;
  b.value.name = body->text("name");
  b.is_new = true;
  b.members = body->list("members").value_or(strings{});
  b.sets_members = !b.members.empty();
  auto made = edited_group(b.value, *body, true);
  if (!made) return error(made.error());
  b.value = *std::move(made);
  if (const auto wrong = wrong_name(b.value.name)) return error(400, *wrong);
  return a.changing(r, [b](const request&, const state_view& s) -> api::change {
    if (!is_clustered(s)) return not_clustered();
    return {b, created(std::string(collection) + "/" + percent_encode(b.value.name))};
  });
}

/// A PATCH says so when a member would be left without a group; a PUT leaves it where it is.
std::optional<response> leaves_none(const state_view& s, const cluster_group& g,
                                    const strings& wanted) {
  for (const auto& m : s.all<member>())
    if (m.groups == strings{g.name} &&
        std::find(wanted.begin(), wanted.end(), m.name) == wanted.end())
      return error(400, "Cannot remove " + m.name +
                            " from group as member needs to belong to at least one group");
  return std::nullopt;
}

api::change edit_group(const request& q, const state_view& s, const cluster_group& g,
                       const json_object& body) {
  const bool is_put = q.method == "PUT";
  auto next = edited_group(g, body, is_put);
  if (!next) return error(next.error());
  put_group b;
  b.value = *std::move(next);
  b.expected = g.head.modified;
  const auto sent = body.list("members");
  b.sets_members = sent || is_put;
  b.members = sent.value_or(strings{});
  if (b.sets_members && !is_put)
    if (auto refused = leaves_none(s, g, b.members)) return *std::move(refused);
  return {std::move(b), empty_sync()};
}

api::change rename_group(const cluster_group& g, const json_object& body) {
  const auto name = body.text("name");
  if (const auto wrong = wrong_name(name)) return error(400, *wrong);
  if (!g.head.id) return error(403, "The \"default\" group cannot be renamed");
  return {rename_object{key_of(g), name},
          created(std::string(collection) + "/" + percent_encode(name))};
}

response change_group(api& a, const request& r) {
  const auto body = std::make_shared<result<json_object>>(
      json_object::parse(r.method == "DELETE" ? "{}" : r.body));
  if (!*body) return error(body->error());
  const auto how = [body](const request& q, const state_view& s) -> api::change {
    if (!is_clustered(s)) return not_clustered();
    const auto g = state::find_group(s, q.found.at("name"));
    if (!g) return error(404, "Cluster group not found");
    if (auto match = check_etag(q, [&] { return writable(s, *g); }); !match)
      return error(match.error());
    if (q.method == "POST") return rename_group(*g, **body);
    if (q.method != "DELETE") return edit_group(q, s, *g, **body);
    if (!g->head.id) return error(403, "The 'default' cluster group cannot be deleted");
    return {erase_object{key_of(*g), g->head.modified}, empty_sync()};
  };
  return a.changing(r, how, r.method != "POST");
}

}  // namespace

void add_group_routes(router& routes, api& a) {
  const std::string one = std::string(collection) + "/{name}";
  routes.add("GET", collection,
             a.reading([](const request& r, const captures&, const state_view& s) {
               return list_groups(r, s);
             }),
             pace::quick);
  routes.add(
      "POST", collection, [&a](const request& r, const captures&) { return create_group(a, r); },
      pace::quick);
  routes.add("GET", one, a.reading([&a](const request& r, const captures& c, const state_view& s) {
    return show_group(s, c.at("name"), a.caller_of(r));
  }),
             pace::quick);
  for (const char* method : {"PUT", "PATCH", "POST", "DELETE"})
    routes.add(
        method, one, [&a](const request& r, const captures&) { return change_group(a, r); },
        pace::quick);
}

}  // namespace muster::http
