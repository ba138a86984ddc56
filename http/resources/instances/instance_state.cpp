#include "http/resources/instances/instance_json.hpp"
#include "http/resources/resources.hpp"
#include "schemas/projects.hpp"

namespace muster::http {

namespace {

using instances::verb;

constexpr int clean_stop_time_max_s = 600;
constexpr int clean_stop_time_default_s = 60;

struct action {
  verb what;
  const char* description;
};

std::optional<action> action_of(const std::string& name) {
  if (name == "start") return action{verb::start, "Starting instance"};
  if (name == "stop") return action{verb::stop, "Stopping instance"};
  if (name == "restart") return action{verb::restart, "Restarting instance"};
  if (name == "freeze") return action{verb::freeze, "Freezing instance"};
  if (name == "unfreeze") return action{verb::unfreeze, "Unfreezing instance"};
  return std::nullopt;
}

response change_state(api& a, const request& r, const std::string& name) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const auto wanted = body->text("action");
  auto timeout_s =
      static_cast<int>(std::clamp<std::int64_t>(body->number("timeout"), 0, clean_stop_time_max_s));
  const bool force = body->flag("force");
  if (auto good = body->good(); !good) return error(good.error());
  auto act = action_of(wanted);
  if (!act) return error(400, "Unknown action: '" + wanted + "'");
  if (body->flag("stateful")) return error(400, "Stateful stop and start are not supported");
  auto state = a.server().read(node::freshness::strict);
  if (!state) return error(state.error());
  const auto& s = *state->state;
  const auto i = s.by_name<instance>(api::project_of(s, r, ""), name);
  if (!i) return error(404, "Instance not found");
  if (auto there = a.passed_to_owner(r, s, *i)) return *std::move(there);
  if (act->what == verb::start && i->status == instance_status::frozen) act->what = verb::unfreeze;
  if (timeout_s == 0) timeout_s = clean_stop_time_default_s;
  auto o = a.new_operation(act->description, project_name(s, i->head.project));
  o.resources["instances"] = {instance_json::url(s, *i)};
  return a.start_operation(std::move(o), [&a, r, key = key_of(*i), what = act->what, force,
                                          timeout_s](node::operations::handle&) {
    return a.order(r, {what, key, force, timeout_s, {}, {}, {}, {}});
  });
}

response show_state(api& a, const request& r, const state_view& s, const std::string& name) {
  const auto i = s.by_name<instance>(api::project_of(s, r, ""), name);
  if (!i) return error(404, "Instance not found");
  if (auto there = a.passed_to_owner(r, s, *i)) return *std::move(there);
  return sync(instance_json::state(*i, a.driver().use_of(i->head.id)));
}

}  // namespace

void add_instance_state_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/instances/{name}/state",
             a.reading([&a](const request& r, const captures& c, const state_view& s) {
               return show_state(a, r, s, c.at("name"));
             }));
  routes.add("PUT", "/1.0/instances/{name}/state", [&a](const request& r, const captures& c) {
    return change_state(a, r, c.at("name"));
  });
}

}  // namespace muster::http
