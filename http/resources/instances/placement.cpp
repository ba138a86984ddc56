#include "http/resources/instances/placement.hpp"

#include "actors/link/tls/https_client.hpp"
#include "actors/scheduler/scheduler_actor.hpp"
#include "http/resources/resources.hpp"
#include "schemas/basic/units.hpp"
#include "schemas/expanded.hpp"

#include <caf/send.hpp>

#include <thread>

namespace muster::http {

namespace {

using strings = std::vector<std::string>;
constexpr auto choice_time_max = std::chrono::seconds(2);    ///< of one leader
constexpr auto leader_time_max = std::chrono::seconds(10);   ///< until there is one that answers
constexpr auto look_again = std::chrono::milliseconds(100);  ///< who leads

bool contains_any(const strings& of, const strings& groups) {
  return std::any_of(groups.begin(), groups.end(), [&](const std::string& g) {
    return std::find(of.begin(), of.end(), g) != of.end();
  });
}

/// Who is asked for by name. @param allowed groups of the project; empty: all
result<member> named_member(const state_view& s, const std::string& name, const strings& allowed) {
  auto m = s.by_name<member>({}, name);
  if (!m) return fail(errc::not_found, "Cluster member \"" + name + "\" not found");
  if (!allowed.empty() && !contains_any(m->groups, allowed))
    return fail(errc::forbidden, "This project isn't allowed to use this cluster member");
  return *std::move(m);
}

// --- the question to the leader, and its answer

std::string to_json(const scheduler::placement_wish& w) {
  json_writer to;
  to.begin_object().field("project", w.project.value).field("name", w.name).field("pool", w.pool);
  to.field("architecture", w.bounds.architecture).field("group", w.bounds.group);
  return to.field("allowed_groups", w.bounds.allowed_groups).end_object().take();
}

result<scheduler::placement_wish> wish_in(const std::string& json) {
  auto body = json_object::parse(json);
  if (!body) return body.error();
  scheduler::placement_wish w;
  w.project = {static_cast<std::uint64_t>(body->number("project"))};
  w.name = body->text("name");
  w.pool = body->text("pool");
  w.bounds = {body->text("architecture"), body->text("group"),
              body->list("allowed_groups").value_or(strings{})};
  if (auto good = body->good(); !good) return good.error();
  return w;
}

std::string to_json(const scheduler::placement& p) {
  json_writer to;
  to.begin_object().field("chosen", p.chosen.value).key("verdicts").begin_array();
  for (const auto& v : p.verdicts)
    to.begin_object()
        .field("id", v.id.value)
        .field("name", v.name)
        .field("rejected_by", v.rejected_by)
        .field("instances", v.instances)
        .end_object();
  return to.end_array().end_object().take();
}

result<scheduler::placement> placement_in(const std::string& json) {
  auto body = json_object::parse(json);
  if (!body) return body.error();
  const auto number = [](const json_object& of, const char* field) {
    return static_cast<std::uint64_t>(of.number(field));
  };
  scheduler::placement p;
  p.chosen = {number(*body, "chosen")};
  for (const auto& v : body->objects("verdicts").value_or(std::vector<json_object>{}))
    p.verdicts.push_back(
        {{number(v, "id")}, v.text("name"), v.text("rejected_by"), number(v, "instances")});
  if (auto good = body->good(); !good) return good.error();
  return p;
}

/// By this member's own scheduler. @errors errc::not_leader
result<scheduler::placement> choose_here(api& a, scheduler::placement_wish what,
                                         bool leader_cannot = false) {
  auto order = std::make_shared<scheduler::placement_order>();
  order->what = std::move(what);
  order->leader_cannot = leader_cannot;
  auto answer = order->answer.get_future();
  caf::anon_send(a.scheduler(), scheduler::place_next{order});
  if (answer.wait_for(choice_time_max) != std::future_status::ready)
    return fail(errc::timed_out, "the scheduler does not answer");
  return answer.get();
}

/// @errors errc::not_leader, errc::unavailable
result<scheduler::placement> choose_at(api& a, const member& leader,
                                       const scheduler::placement_wish& what) {
  const auto deadline = clock::now() + choice_time_max;
  auto stream = a.server().dial_member(leader.address, leader.fingerprint, deadline);
  if (!stream) return stream.error();
  tls::http_request ask;
  ask.method = "POST";
  ask.target = "/internal/placement";
  ask.headers["Content-Type"] = "application/json";
  ask.body = to_json(what);
  auto answer = tls::ask(**stream, ask, {deadline, 1u << 20, {}});
  if (!answer) return answer.error();
  if (answer->status == 404) return choose_here(a, what, true);
  if (answer->status != 200) return fail(errc::not_leader, node::error_text(answer->body));
  return placement_in(answer->body);
}

/// Whoever leads chooses, so that a burst spreads; another leader is asked if that one is gone.
result<scheduler::placement> choose(api& a, const scheduler::placement_wish& what) {
  const auto until = clock::now() + leader_time_max;
  for (;;) {
    result<scheduler::placement> placed = fail(errc::not_leader, "the cluster has no leader");
    if (auto running = a.server().now()) {
      const auto id = (*running)->board().raft.leader;
      const auto leader = a.server().local_view()->row<member>({}, {id.value});
      if (id == a.server().self())
        placed = choose_here(a, what);
      else if (leader)
        placed = choose_at(a, *leader, what);
    }
    if (placed || clock::now() > until) return placed;
    std::this_thread::sleep_for(look_again);
  }
}

response answer_placement(api& a, const request& r) {
  auto what = wish_in(r.body);
  if (!what) return error(what.error());
  auto placed = choose_here(a, *std::move(what));
  if (!placed) return error(placed.error());
  response out;
  out.body = to_json(*placed);
  return out;
}

}  // namespace

status check_pool_on(const state_view& s, const instance& i, member_id on) {
  return scheduler::check_pool_on(s, root_pool_of(expand(s, i).devices), on);
}

result<member> choose_member(api& a, const state_view& s, const request& r, const instance& what) {
  const auto target = r.parameter("target");
  const bool is_group = target.starts_with("@");
  const auto bounds = s.row<project>({}, {what.head.project.value}).value_or(project{}).config;
  const bool is_bounded = units::is_true(value_in(bounds, "restricted"));
  const auto allowed =
      units::list(is_bounded ? value_in(bounds, "restricted.cluster.groups") : std::string{});
  if (!target.empty() && !is_group) {
    const bool is_client_with_bounds =
        !a.is_of_member(r) && a.caller_of(r).may == access::restricted;
    if (is_bounded && is_client_with_bounds &&
        value_in(bounds, "restricted.cluster.target") != "allow")
      return fail(errc::forbidden, "This project doesn't allow cluster member targeting");
    return named_member(s, target, allowed);
  }
  const auto group = is_group ? target.substr(1) : std::string{};
  if (is_group && !allowed.empty() && !contains_any(allowed, {group}))
    return fail(errc::forbidden, "This project isn't allowed to use this cluster group");
  if (is_group && !s.find(table::cluster_group, {}, group))
    return fail(errc::bad_request, "Cluster group \"" + group + "\" doesn't exist");
  const auto placed = choose(a, {what.head.project,
                                 what.name,
                                 root_pool_of(expand(s, what).devices),
                                 {what.architecture, group, allowed}});
  if (!placed)
    return fail(errc::unavailable, "no member could be chosen: " + placed.error().detail);
  if (const auto m = s.row<member>({}, {placed->chosen.value})) return *m;
  std::string reasons;
  for (const auto& v : placed->verdicts)
    reasons += (reasons.empty() ? "" : ", ") + v.name + ": " + v.rejected_by;
  return fail(errc::unavailable, "no member can take the instance (" + reasons + ")");
}

void add_placement_routes(router& routes, api& a) {
  routes.add("POST", "/internal/placement",
             [&a](const request& r, const captures&) { return answer_placement(a, r); });
}

}  // namespace muster::http
