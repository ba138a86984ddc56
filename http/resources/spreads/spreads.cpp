#include "actors/host/net_interfaces.hpp"
#include "actors/node/secrets.hpp"
#include "actors/state/spreads/warnings.hpp"
#include "http/resources/resources.hpp"
#include "http/resources/spreads/spread_json.hpp"
#include "http/resources/spreads/spread_wishes.hpp"
#include "schemas/basic/limits.hpp"

#include <unistd.h>

/// Storage pools and networks.
namespace muster::http {

namespace {

response missing(const spread_noun& n) { return error(404, std::string(n.title) + " not found"); }

// --- waiting for the members

/// What became of a change on the members.
struct progress {
  std::string failed;          ///< text about the first live member that could not
  std::vector<member> absent;  ///< have not got it yet, and are away
  std::vector<member> late;    ///< have not finished
  bool is_done = true;         ///< nobody live is late
};

/// @param of whose part is looked at: a row, or what is left of one that was deleted.
progress progress_of(api& a, const state_view& s, const row_key& of) {
  progress p;
  const auto online = a.online();
  const auto row = s.get(of);
  std::map<member_id, std::string> left;
  if (!row)
    for (const auto& l : s.all<leftover>())
      if (l.of == of) left[l.on] = l.reason;
  for (const auto& m : s.all<member>()) {
    const spread* across = row ? spread_of(*row) : nullptr;
    const bool is_due = row ? muster::is_due(*across, m.id()) : left.contains(m.id());
    std::string reason = left.contains(m.id()) ? left[m.id()] : std::string{};
    if (row && !is_due)
      if (const auto at = across->parts.find(m.id()); at != across->parts.end())
        reason = at->second.state == part_state::errored ? at->second.reason : "";
    if (!reason.empty() && p.failed.empty())
      p.failed = is_clustered(s) ? "failed on member \"" + m.name + "\": " + reason : reason;
    if (!is_due || !reason.empty()) continue;
    (online.contains(m.id()) ? p.late : p.absent).push_back(m);
  }
  p.is_done = p.late.empty();
  return p;
}

/// Tells of members that get the change later.
void warn(api& a, const request& r, const row_key& about, const std::string& name,
          const std::vector<member>& absent) {
  for (const auto& m : absent)
    (void)a
        .submit(r, raise_warning{state::missing_change, m.id(), about,
                                 "The member has not got a change of \"" + name +
                                     "\" yet: it gets it when it is back",
                                 severity::low})
        .ok();
}

std::string missing_json(const progress& p) {
  std::vector<std::string> names;
  for (const auto* list : {&p.absent, &p.late})
    for (const auto& m : *list) names.push_back(m.name);
  json_writer w;
  w.begin_object().field("missing_members", names);
  return w.end_object().take();
}

/// The answer once every live member has done its part, or has failed, or the time is over.
response after_members(api& a, const request& r, const spread_noun& n, const std::string& name,
                       std::optional<row_key> of, response done, bool undo) {
  const auto row = of ? std::nullopt : find_spread(*a.server().local_view(), n, name);
  if (!of && row) of = key_of(*row);
  if (!of) return done;
  progress last;
  a.rows().wait_until(clock::now() + limits::parts_deadline, [&] {
    last = progress_of(a, *a.server().local_view(), *of);
    return last.is_done;
  });
  if (!last.failed.empty() && undo) {  // the only member: nothing is left behind
    (void)a.submit(r, erase_object{*of, {}}).ok();
    a.rows().wait_until(clock::now() + limits::parts_deadline,
                        [&] { return progress_of(a, *a.server().local_view(), *of).is_done; });
  }
  if (!last.failed.empty()) return error(500, last.failed);
  if (last.absent.empty() && last.late.empty()) return done;
  warn(a, r, *of, name, last.absent);
  auto told = sync(missing_json(last));
  told.status = done.status;
  told.headers = done.headers;
  return told;
}

/// A response that waits for the members first. The route is slow: it runs on a worker.
response then_members(api& a, const request& r, const spread_noun& n, std::string name,
                      std::optional<row_key> of, response done, bool undo = false) {
  response answer;
  answer.later = [&a, r = r.keep(), &n, name = std::move(name), of, done = std::move(done),
                  undo](const deliver& give) {
    give([=, &a, &n] { return after_members(a, *r, n, name, of, done, undo); });
  };
  return answer;
}

// --- changes

result<spread_wish> read_wish(api& a, const spread_noun& n, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return body.error();
  spread_wish w;
  w.noun = &n;
  w.name = body->text("name");
  w.kind = body->text(n.where == table::storage_pool ? "driver" : "type");
  w.has_description = body->has("description") || r.method == "PUT";
  w.description = body->text("description");
  w.config = body->map("config").value_or(string_map{});
  w.target = r.parameter("target");
  w.self = a.server().self();
  w.is_whole = r.method == "PUT";
  if (auto good = body->good(); !good) return good.error();
  return w;
}

response create(api& a, const spread_noun& n, const request& r) {
  auto read = read_wish(a, n, r);
  if (!read) return error(read.error());
  auto w = *std::move(read);
  if (w.kind.empty() && n.where == table::network) w.kind = "bridge";
  if (w.name.empty()) return error(400, "No name provided");
  if (auto good = check_kind(n, w.kind); !good) return error(good.error());
  if (w.target.empty())
    if (auto good = check_keys(n, w.kind, w.name, w.config); !good) return error(good.error());
  return a.changing(r, [&a, &n, w](const request& q, const state_view& s) -> api::change {
    auto body =
        w.target.empty() ? create_on_all(s, w, node::random_number) : define_on_member(s, w);
    if (!body) return error(body.error());
    auto done = created(std::string(n.path) + "/" + percent_encode(w.name));
    if (!w.target.empty()) return {*std::move(body), std::move(done)};
    const bool undo = s.all<member>().size() == 1 && std::holds_alternative<create_object>(*body);
    return {*std::move(body), then_members(a, q, n, w.name, std::nullopt, std::move(done), undo)};
  });
}

std::optional<member_id> shown_member(api& a, const request& r, const state_view& s) {
  if (!is_clustered(s)) return a.server().self();
  const auto m = s.by_name<member>({}, r.parameter("target"));
  return m ? std::optional(m->id()) : std::nullopt;
}

response change(api& a, const spread_noun& n, const request& r) {
  auto wish = r.method == "DELETE" ? result<spread_wish>(spread_wish{}) : read_wish(a, n, r);
  if (!wish) return error(wish.error());
  return a.changing(r, [&a, &n, w = *wish](const request& q, const state_view& s) -> api::change {
    const auto row = find_spread(s, n, q.found.at("name"));
    if (!row) return missing(n);
    const auto name = std::string(name_of(*row));
    if (auto match = check_etag(
            q,
            [&] { return spread_json::writable(*row, shown_config(*row, shown_member(a, q, s))); });
        !match)
      return error(match.error());
    if (q.method == "DELETE")
      return {erase_object{key_of(*row), head_of(*row).modified},
              then_members(a, q, n, name, key_of(*row), empty_sync())};
    auto body = change_spread(s, *row, w, node::random_number);
    if (!body) return error(body.error());
    return {*std::move(body), then_members(a, q, n, name, std::nullopt, empty_sync())};
  });
}

response rename(const spread_noun& n) {
  return error(400, n.where == table::network ? "Renaming clustered network not supported"
                                              : "Renaming storage pools is not supported");
}

// --- showing

bool is_whole(const caller& who) { return who.may == access::full || who.may == access::member; }

/// As Incus: the configuration may hold secrets of the server.
std::string shown(const state_view& s, const object& row, std::optional<member_id> of,
                  const caller& who) {
  return spread_json::whole(
      s, row, of, is_whole(who) ? shown_config(row, of) : string_map{},
      [&](std::vector<std::string> urls) { return who.seen_of(std::move(urls)); });
}

std::string type_of(const std::string& name, const host::net_interface& of) {
  if (of.is_loopback) return "loopback";
  const bool is_bridge = ::access(("/sys/class/net/" + name + "/bridge").c_str(), F_OK) == 0;
  return is_bridge ? "bridge" : "physical";
}

/// Networks of the cluster, and what else this server has for interfaces.
response list(api& a, const spread_noun& n, const request& r, const state_view& s) {
  std::vector<std::string> urls;
  std::vector<std::string> objects;
  const auto of = shown_member(a, r, s);
  const auto who = a.caller_of(r);
  s.each(n.where, std::nullopt, [&](const object& row) {
    urls.push_back(std::string(n.path) + "/" + std::string(name_of(row)));
    objects.push_back(shown(s, row, of, who));
    return true;
  });
  if (n.where == table::network && is_whole(who))
    for (const auto& [name, of_host] : host::interfaces_of(::getpid())) {
      if (name.starts_with("veth") || s.find(table::network, {}, name)) continue;
      urls.push_back(std::string(n.path) + "/" + name);
      objects.push_back(spread_json::unmanaged(name, type_of(name, of_host)));
    }
  return list_answer(r, urls, objects);
}

response show_unmanaged(const std::string& name) {
  const auto all = host::interfaces_of(::getpid());
  const auto at = all.find(name);
  return at == all.end() ? missing(network_noun)
                         : sync(spread_json::unmanaged(name, type_of(name, at->second)));
}

response show(api& a, const spread_noun& n, const request& r, const state_view& s) {
  const auto row = find_spread(s, n, r.found.at("name"));
  if (!row && n.where == table::network && is_whole(a.caller_of(r)))
    return show_unmanaged(r.found.at("name"));
  if (!row) return missing(n);
  const auto target = r.parameter("target");
  if (!target.empty() && !s.by_name<member>({}, target))
    return error(404, "Cluster member not found");
  const auto of = shown_member(a, r, s);
  auto answer = sync(shown(s, *row, of, a.caller_of(r)));
  answer.headers["ETag"] = etag_of(spread_json::writable(*row, shown_config(*row, of)));
  return answer;
}

/// Space of this server's part.
response show_space(api& a, const request& r, const state_view& s) {
  const auto row = find_spread(s, pool_noun, r.found.at("name"));
  if (!row) return missing(pool_noun);
  if (const auto target = r.parameter("target"); !target.empty()) {
    const auto m = s.by_name<member>({}, target);
    if (!m) return error(404, "Cluster member not found");
    if (m->id() != a.server().self()) return a.forward(r, *m);
  }
  json_writer w;
  render::pool_space(w, a.server().data_dir(), *row);
  return sync(w.take());
}

void add_kind(router& routes, api& a, const spread_noun& n) {
  const std::string path = n.path;
  routes.add("GET", path, a.reading([&](const request& r, const captures&, const state_view& s) {
    return list(a, n, r, s);
  }));
  routes.add("POST", path, [&](const request& r, const captures&) { return create(a, n, r); });
  routes.add("GET", path + "/{name}",
             a.reading([&](const request& r, const captures&, const state_view& s) {
               return show(a, n, r, s);
             }));
  routes.add("POST", path + "/{name}", [&](const request&, const captures&) { return rename(n); });
  for (const char* method : {"PUT", "PATCH", "DELETE"})
    routes.add(method, path + "/{name}",
               [&](const request& r, const captures&) { return change(a, n, r); });
}

}  // namespace

void add_spread_routes(router& routes, api& a) {
  add_kind(routes, a, pool_noun);
  add_kind(routes, a, network_noun);
  routes.add("GET", "/1.0/storage-pools/{name}/resources",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               return show_space(a, r, s);
             }));
}

}  // namespace muster::http
