#include "actors/node/secrets.hpp"
#include "actors/state/restrictions/restrictions.hpp"
#include "http/config/instance_keys.hpp"
#include "http/resources/images/image_lookup.hpp"
#include "http/resources/images/image_pull.hpp"
#include "http/resources/instances/instance_json.hpp"
#include "http/resources/instances/placement.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/fault_point.hpp"
#include "schemas/basic/units.hpp"
#include "schemas/expanded.hpp"
#include "schemas/projects.hpp"

#include <future>

namespace muster::http {

namespace {

using instances::verb;

std::optional<instance> find_instance(const state_view& s, const request& r,
                                      const std::string& name) {
  return s.by_name<instance>(api::project_of(s, r, ""), name);
}

response no_instance() { return error(404, "Instance not found"); }

// --- create

status check_name(const std::string& name) {
  const std::string bad = "Invalid instance name: ";
  if (name.empty()) return ok();  // one is made up
  if (name.size() > 63) return fail(errc::bad_request, bad + "Name must be 1-63 characters long");
  for (const char c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-')
      return fail(errc::bad_request,
                  bad + "Name can only contain alphanumeric and hyphen characters");
  if (std::isdigit(static_cast<unsigned char>(name[0])))
    return fail(errc::bad_request, bad + "Name must not start with a number");
  if (name.front() == '-' || name.back() == '-')
    return fail(errc::bad_request, bad + "Name must not start or end with a hyphen");
  return ok();
}

result<image> resolve_image(const state_view& s, project_id where, const json_object& source) {
  if (const auto type = source.text("type"); type != "image" && !type.empty())
    return fail(errc::bad_request,
                "instances from source type \"" + type + "\" are not supported yet");
  auto wanted = source.text("fingerprint");
  if (names_server(source)) {
    if (auto known = s.by_name<image>(where, wanted)) return *std::move(known);
    auto from = find_remote_image(source);
    if (!from) return from.error();
    if (auto known = s.by_name<image>(where, from->what.fingerprint)) return *std::move(known);
    return std::move(from->what);
  }
  if (const auto alias = source.text("alias"); wanted.empty() && !alias.empty())
    if (const auto found = s.by_name<image_alias>(where, alias))
      if (auto i = s.row<image>(where, found->target)) return *std::move(i);
  if (wanted.empty()) return fail(errc::refused, "No fingerprint prefix specified for the image");
  auto found = images_like(s, where, wanted);
  if (found.size() > 1) return fail(errc::bad_request, "More than one image matches");
  if (found.empty()) return fail(errc::not_found, "Image \"" + wanted + "\" not found");
  return std::move(found.front());
}

/// A root disk, on a pool that is there like its networks.
status check_root(const state_view& s, const instance& i) {
  const auto devices = expand(s, i).devices;
  if (root_pool_of(devices).empty())
    return fail(
        errc::bad_request,
        "Invalid devices: Failed detecting root disk device: No root device could be found");
  return check_places(s, devices);
}

/// The record of a new instance; its owner is not chosen yet.
result<instance> read_wish(const state_view& s, const request& r, const json_object& body) {
  instance i;
  i.name = body.text("name");
  i.description = body.text("description");
  i.ephemeral = body.flag("ephemeral");
  i.config = body.map("config").value_or(string_map{});
  i.devices = body.devices("devices").value_or(device_map{});
  const auto type = body.text("type", "container");
  if (auto good = body.good(); !good) return good.error();
  if (type != "container" && !type.empty())
    return fail(errc::bad_request,
                "Instance type \"" + type + "\" is not supported on this server");
  if (auto good = check_name(i.name); !good) return good.error();
  i.head.project = api::project_of(s, r, "");
  if (!i.head.project) return fail(errc::not_found, "Project not found");
  auto from = resolve_image(s, api::project_of(s, r, "images"), body.object("source"));
  if (!from) return from.error();
  const bool is_here = static_cast<bool>(from->head.id);
  i.profiles = body.list("profiles")
                   .value_or(is_here ? from->profiles : std::vector<std::string>{"default"});
  const auto profiles_in = api::project_of(s, r, "profiles");
  for (const auto& name : i.profiles)
    if (!s.find(table::profile, profiles_in, name))
      return fail(errc::refused, "Requested profile \"" + name + "\" doesn't exist");
  if (auto good = check_instance_config(i.config); !good) return good.error();
  if (auto good = check_devices(i.devices); !good) return good.error();
  if (auto good = check_root(s, i); !good) return good.error();
  if (auto good = state::check_restrictions(s, nullptr, i); !good) return good.error();
  i.image_fingerprint = from->fingerprint;
  i.architecture = from->architecture;
  for (const auto& [key, value] : from->properties) i.config["image." + key] = value;
  if (i.name.empty()) i.name = "instance-" + node::random_hex(4);
  i.uuid = node::make_uuid({0});
  return i;
}

status create_here(api& a, const request& r, instance i, bool start, const json_object& source,
                   node::operations::handle& h) {
  const auto images = api::project_of(*a.server().local_view(), r, "images");
  if (auto here = ensure_image(a, r, source, images, i.image_fingerprint, h); !here) return here;
  auto made = a.submit(r, create_object{i});
  if (!made) return made.error();
  i.head.id = made->id;
  fault_point("create.after_record");
  auto done = a.order(r, {verb::create, key_of(i), false, 0, {}, {}, {}, {}});
  if (!done) {
    (void)a.submit(r, erase_object{key_of(i), {}}).ok();
    i.operation.clear();
    (void)a.order(r, {verb::remove, key_of(i), true, 0, {}, {}, i, {}}).ok();
    return done;
  }
  return start ? a.order(r, {verb::start, key_of(i), false, 0, {}, {}, {}, {}}) : done;
}

response create_instance(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  const auto& s = *state->state;
  auto wish = read_wish(s, r, *body);
  if (!wish) return error(wish.error());
  if (s.find(table::instance, wish->head.project, wish->name))
    return error(409, "Instance \"" + wish->name + "\" already exists");
  auto target = choose_member(a, s, r, *wish);
  if (!target) return error(target.error());
  if (target->id() != a.server().self()) {
    auto there = r;
    if (r.parameter("target") != target->name)
      there.target = r.path + "?project=" + percent_encode(api::project_asked(r)) +
                     "&target=" + percent_encode(target->name);
    return a.forward(there, *target);
  }
  if (auto there = check_pool_on(s, *wish, target->id()); !there) return error(there.error());
  wish->owner = target->id();
  auto o = a.new_operation("Creating instance", project_name(s, wish->head.project));
  wish->operation = o.uuid;
  o.resources["instances"] = {instance_json::url(s, *wish)};
  return a.start_operation(
      std::move(o),
      [&a, r, i = *wish, start = body->flag("start"), source = body->object("source")](
          node::operations::handle& h) { return create_here(a, r, i, start, source, h); });
}

// --- list and show

/// State objects by object id, asked of each member at the same time.
std::map<object_id, std::string> states_of(api& a, const state_view& s,
                                           const std::set<member_id>& owners) {
  std::vector<std::future<std::string>> asked;
  const auto online = a.online();
  for (const auto id : owners) {
    const auto m = s.row<member>({}, {id.value});
    if (!m || !online.contains(id)) continue;
    asked.push_back(std::async(std::launch::async, [&a, m = *m]() -> std::string {
      if (m.id() == a.server().self()) return {};
      const auto deadline = clock::now() + std::chrono::seconds(2);
      auto stream = a.server().dial_member(m.address, m.fingerprint, deadline);
      if (!stream) return {};
      tls::http_request ask;
      ask.target = "/internal/instances/state";
      auto answer = tls::ask(**stream, ask, {deadline, 16u << 20, {}});
      return answer && answer->status == 200 ? answer->body : std::string{};
    }));
  }
  std::map<object_id, std::string> all;
  for (auto& f : asked) {
    auto body = json_object::parse(f.get());
    if (!body) continue;
    for (const auto& id : body->names()) all[{std::stoull(id)}] = body->text(id);
  }
  return all;
}

std::string state_here(api& a, const instance& row) {
  return instance_json::state(
      row, row.status == instance_status::stopped ? std::nullopt : a.driver().use_of(row.head.id));
}

/// By the name that was asked for.
std::string shown_url(const request& r, const state_view& s, const instance& i) {
  auto url = instance_json::url(s, i);
  constexpr std::string_view usual = "/1.0/instances";
  return r.view.empty() ? url : "/1.0/" + r.view + url.substr(usual.size());
}

response list_instances(api& a, const request& r, const state_view& s) {
  std::optional<project_id> where = api::project_of(s, r, "");
  if (r.parameter("all-projects") == "true") where.reset();
  if (where && !*where) return list_answer(r, {}, {});
  auto rows = s.all<instance>(where);
  if (!where) drop_unseen(s, a.caller_of(r), rows);
  const auto online = a.online();
  const bool with_state = recursion_of(r) == 2;
  std::map<object_id, std::string> states;
  if (with_state) {
    std::set<member_id> owners;
    for (const auto& i : rows) owners.insert(i.owner);
    states = states_of(a, s, owners);
  }
  std::vector<std::string> urls;
  std::vector<std::string> objects;
  for (const auto& i : rows) {
    std::optional<std::string> state;
    if (with_state) state = i.owner == a.server().self() ? state_here(a, i) : states[i.head.id];
    urls.push_back(shown_url(r, s, i));
    objects.push_back(instance_json::whole(s, i, online.contains(i.owner), state));
  }
  return list_answer(r, urls, objects);
}

response show_instance(api& a, const request& r, const state_view& s, const std::string& name) {
  const auto i = find_instance(s, r, name);
  if (!i) return no_instance();
  std::optional<std::string> state;
  if (recursion_of(r) > 0) {
    if (i->owner == a.server().self()) {
      state = state_here(a, *i);
    } else {
      state = states_of(a, s, {i->owner})[i->head.id];
    }
  }
  auto answer = sync(instance_json::whole(s, *i, a.online().contains(i->owner), state));
  answer.headers["ETag"] = etag_of(instance_json::writable(*i));
  return answer;
}

response own_states(api& a) {
  json_writer w;
  w.begin_object();
  for (const auto& i : a.server().local_view()->all<instance>())
    if (i.owner == a.server().self()) w.field(std::to_string(i.head.id.value), state_here(a, i));
  response out;
  out.body = w.end_object().take();
  return out;
}

// --- change

status check_changed(const state_view& s, const request& r, const instance& i) {
  if (auto good = check_instance_config(i.config); !good) return good;
  if (auto good = check_devices(i.devices); !good) return good;
  for (const auto& name : i.profiles)
    if (!s.find(table::profile, api::project_of(s, r, "profiles"), name))
      return fail(errc::refused, "Requested profile \"" + name + "\" doesn't exist");
  return check_root(s, i);
}

/// Keys that are shown and not kept in the record.
void drop_shown_only(string_map& config) {
  for (const char* key : {"volatile.base_image", "volatile.uuid", "volatile.last_state.power"})
    config.erase(key);
}

/// PUT gives all, PATCH gives some.
result<instance> merged(const state_view& s, const request& r, instance i,
                        const json_object& body) {
  if (auto match = check_etag(r, [&] { return instance_json::writable(i); }); !match)
    return match.error();
  const bool is_whole = r.method == "PUT";
  auto config = body.map("config");
  auto devices = body.devices("devices");
  if (is_whole) i.config.clear();
  for (auto& [key, value] : config.value_or(string_map{})) i.config[key] = value;
  if (is_whole) i.devices.clear();
  for (auto& [key, device] : devices.value_or(device_map{})) i.devices[key] = device;
  std::erase_if(i.config, [](const auto& item) { return item.second.empty(); });
  drop_shown_only(i.config);
  i.description = body.text("description", is_whole ? "" : i.description);
  i.ephemeral = body.flag("ephemeral", !is_whole && i.ephemeral);
  if (auto profiles = body.list("profiles")) i.profiles = *profiles;
  if (auto good = body.good(); !good) return good.error();
  if (auto good = check_changed(s, r, i); !good) return good.error();
  return i;
}

response update_instance(api& a, const request& r, const state_view& s, const instance& i) {
  const auto body = std::make_shared<result<json_object>>(json_object::parse(r.body));
  if (!*body) return error(body->error());
  if (r.method == "PATCH")
    return a.changing(r, [body](const request& q, const state_view& now) -> api::change {
      const auto there = find_instance(now, q, q.found.at("name"));
      if (!there) return no_instance();
      auto next = merged(now, q, *there, **body);
      if (!next) return error(next.error());
      return {replace_object{*std::move(next), there->head.modified}, empty_sync()};
    });
  auto next = merged(s, r, i, **body);
  if (!next) return error(next.error());
  const auto expected = r.header("if-match").empty() ? log_index{} : i.head.modified;
  auto o = a.new_operation("Updating instance", project_name(s, i.head.project));
  o.resources["instances"] = {instance_json::url(s, i)};
  return a.start_operation(std::move(o),
                           [&a, r, i = *next, expected](node::operations::handle&) -> status {
                             auto done = a.submit(r, replace_object{i, expected});
                             return done ? ok() : status(done.error());
                           });
}

response rename_instance(api& a, const request& r, const state_view& s, const instance& i) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  if (body->flag("migration"))
    return error(400, "moving instances between members is not supported yet");
  const auto next = body->text("name");
  if (auto good = check_name(next); !good || next.empty())
    return good ? error(400, "No name provided") : error(good.error());
  if (i.wanted != power::stopped) return error(400, "Renaming of running instance not allowed");
  auto o = a.new_operation("Renaming instance", project_name(s, i.head.project));
  o.resources["instances"] = {instance_json::url(s, i)};
  return a.start_operation(std::move(o),
                           [&a, r, key = key_of(i), next](node::operations::handle&) -> status {
                             auto done = a.submit(r, rename_object{key, next});
                             return done ? ok() : status(done.error());
                           });
}

response delete_instance(api& a, const request& r, const state_view& s, const instance& i) {
  const bool is_down = i.status == instance_status::stopped && a.driver().pid_of(i.head.id) == 0;
  if (i.wanted != power::stopped && !is_down) return error(400, "Instance is running");
  const auto config = expand(s, i).config;
  if (const auto at = config.find("security.protection.delete");
      at != config.end() && units::is_true(at->second))
    return error(400, "Instance is protected");
  auto o = a.new_operation("Deleting instance", project_name(s, i.head.project));
  o.resources["instances"] = {instance_json::url(s, i)};
  return a.start_operation(std::move(o), [&a, r, i](node::operations::handle&) -> status {
    if (i.wanted != power::stopped)  // it was to be started again
      if (auto given_up = a.order(r, {verb::stop, key_of(i), true, 0, {}, {}, {}, {}}); !given_up)
        return given_up;
    auto done = a.submit(r, erase_object{key_of(i), {}});
    if (!done) return done.error();
    return a.order(r, {verb::remove, key_of(i), true, 0, {}, {}, i, {}});
  });
}

response change_instance(api& a, const request& r, const std::string& name) {
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  const auto& s = *state->state;
  auto i = find_instance(s, r, name);
  if (!i) return no_instance();
  if (auto there = a.passed_to_owner(r, s, *i)) return *std::move(there);
  if (r.method == "DELETE") return delete_instance(a, r, s, *i);
  if (r.method == "POST") return rename_instance(a, r, s, *i);
  return update_instance(a, r, s, *i);
}

}  // namespace

void add_instance_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/instances",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               return list_instances(a, r, s);
             }));
  routes.add("POST", "/1.0/instances",
             [&a](const request& r, const captures&) { return create_instance(a, r); });
  routes.add("GET", "/1.0/instances/{name}",
             a.reading([&a](const request& r, const captures& c, const state_view& s) {
               return show_instance(a, r, s, c.at("name"));
             }));
  for (const char* method : {"PUT", "PATCH", "POST", "DELETE"})
    routes.add(method, "/1.0/instances/{name}", [&a](const request& r, const captures& c) {
      return change_instance(a, r, c.at("name"));
    });
  routes.add("GET", "/internal/instances/state",
             [&a](const request&, const captures&) { return own_states(a); });
}

}  // namespace muster::http
