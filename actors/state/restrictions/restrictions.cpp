#include "actors/state/restrictions/restrictions.hpp"

#include "schemas/basic/units.hpp"
#include "schemas/expanded.hpp"
#include "schemas/projects.hpp"

#include <algorithm>

namespace muster::state {

namespace {

failure bad(std::string text) { return fail(errc::bad_request, std::move(text)); }

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

/// Of a project with restrictions, the value of a key or what it is if it is not set.
std::string restriction(const project& p, const std::string& key, const char* otherwise) {
  auto value = value_in(p.config, key);
  return value.empty() ? otherwise : value;
}

/// Keys of instances that a project with restrictions may set. What is not here it may not.
bool is_free(std::string_view key) {
  constexpr std::array free{"boot.",
                            "cloud-init.",
                            "environment.",
                            "image.",
                            "limits.",
                            "snapshots.",
                            "user.",
                            "volatile.",
                            "cluster.evacuate",
                            "security.protection.delete"};
  return std::any_of(free.begin(), free.end(), [&](std::string_view one) {
    return one.ends_with('.') ? key.starts_with(one) : key == one;
  });
}

/// Why a key may not be so; empty: it may.
std::string refused_key(const project& p, const std::string& key, const std::string& value) {
  if (is_free(key) || value.empty()) return {};
  if (key != "security.privileged") return "Use of low-level config is forbidden";
  const bool is_allowed =
      restriction(p, "restricted.containers.privilege", "unprivileged") == "allow";
  return units::is_true(value) && !is_allowed ? "Privileged containers are forbidden" : "";
}

std::string refused_nic(const project& p, const string_map& device) {
  const auto rule = restriction(p, "restricted.devices.nic", "managed");
  const auto network = value_in(device, "network");
  if (rule == "block") return "Network devices are forbidden";
  if (rule == "managed" && network.empty()) return "Only managed network devices are allowed";
  const auto allowed = units::list(value_in(p.config, "restricted.networks.access"));
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), network) == allowed.end())
    return "Network is not allowed in project";
  return {};
}

std::string refused_disk(const project& p, const string_map& device) {
  if (value_in(device, "path") == "/" && !value_in(device, "pool").empty()) return {};
  const auto rule = restriction(p, "restricted.devices.disk", "managed");
  if (rule == "block") return "Disk devices are forbidden";
  if (rule == "managed" && value_in(device, "pool").empty())
    return "Attaching disks not backed by a pool is forbidden";
  return {};
}

std::string refused_device(const project& p, const string_map& device) {
  const auto type = value_in(device, "type");
  if (type == "none") return {};
  if (type == "nic") return refused_nic(p, device);
  if (type == "disk") return refused_disk(p, device);
  return "Devices of type " + in_quotes(type) + " are forbidden";
}

/// An instance of a project as it would be.
struct member_of_project {
  std::string name;
  expanded is;
};

status check_instance(const project& p, const member_of_project& i) {
  const auto of = " on instance " + in_quotes(i.name) + " of project " + in_quotes(p.name) + ": ";
  for (const auto& [key, value] : i.is.config)
    if (const auto why = refused_key(p, key, value); !why.empty())
      return bad("Invalid value " + in_quotes(value) + " for config " + in_quotes(key) + of + why);
  for (const auto& [name, device] : i.is.devices)
    if (const auto why = refused_device(p, device); !why.empty())
      return bad("Invalid device " + in_quotes(name) + of + why);
  return ok();
}

constexpr std::string_view of_pool = "limits.disk.pool.";

/// The device of the root disk.
string_map root_of(const device_map& devices) {
  for (const auto& [name, device] : devices)
    if (value_in(device, "type") == "disk" && value_in(device, "path") == "/") return device;
  return {};
}

/// Values that are bytes.
bool is_bytes(const std::string& limit) {
  return limit == "limits.memory" || limit.starts_with("limits.disk");
}

std::optional<std::uint64_t> number_in(const std::string& text, const std::string& limit) {
  return is_bytes(limit) ? units::bytes(text) : units::number(text);
}

result<std::uint64_t> amount(const project& p, const member_of_project& i,
                             const std::string& limit) {
  const auto where = "Instance " + in_quotes(i.name) + " in project " + in_quotes(p.name);
  std::string text;
  if (limit.starts_with("limits.disk")) {
    const auto root = root_of(i.is.devices);
    if (limit.starts_with(of_pool) && value_in(root, "pool") != limit.substr(of_pool.size()))
      return std::uint64_t{0};
    text = value_in(root, "size");
    if (text.empty())
      return bad(where + " has no \"size\" of its root disk, which " + limit + " needs");
  } else {
    text = value_in(i.is.config, limit);
  }
  if (text.empty())
    return bad(where + " has no " + in_quotes(limit) + " config, either directly or via a profile");
  const auto n = number_in(text, limit);
  if (!n) return bad(where + " has a " + in_quotes(limit) + " that cannot be added up: " + text);
  return *n;
}

result<std::uint64_t> sum(const project& p, const std::vector<member_of_project>& all,
                          const std::string& limit) {
  std::uint64_t total = 0;
  for (const auto& i : all) {
    const auto n = amount(p, i, limit);
    if (!n) return n.error();
    if (__builtin_add_overflow(total, *n, &total)) return bad("The sum of " + limit + " overflows");
  }
  return total;
}

status check_counts(const project& p, std::size_t count, bool is_project) {
  for (const std::string limit : {"limits.instances", "limits.containers"}) {
    const auto most = units::number(value_in(p.config, limit));
    if (!most || count <= *most) continue;
    if (is_project)
      return bad(
          in_quotes(limit) + " is too low: there currently are " + std::to_string(count) +
          (limit == "limits.instances" ? " total instances" : " instances of type container") +
          " in project " + p.name);
    return bad(std::string("Reached maximum number of instances ") +
               (limit == "limits.instances" ? "" : "of type \"container\" ") + "in project " +
               in_quotes(p.name));
  }
  return ok();
}

/// Whether a limit of this name is a sum.
bool is_sum(const std::string& limit) {
  return limit.starts_with(of_pool) ||
         std::find(summed_limits.begin(), summed_limits.end(), limit) != summed_limits.end();
}

status check_sums(const project& p, const std::vector<member_of_project>& all) {
  for (auto at = p.config.lower_bound("limits."); at != p.config.end(); ++at) {
    const auto& [limit, text] = *at;
    if (!limit.starts_with("limits.")) break;
    if (!is_sum(limit) || text.empty()) continue;
    const auto total = sum(p, all, limit);
    if (!total) return total.error();
    if (const auto most = number_in(text, limit); most && *total > *most)
      return bad("Reached maximum aggregate value " + in_quotes(text) + " for " + in_quotes(limit) +
                 " in project " + in_quotes(p.name));
  }
  return ok();
}

bool has_limits(const project& p) {
  const auto at = p.config.lower_bound("limits.");
  return at != p.config.end() && at->first.starts_with("limits.");
}

bool is_restricted(const project& p) { return units::is_true(value_in(p.config, "restricted")); }

/// Whether two profiles are alike in all that is restricted or counted. Most changes are.
bool is_same(const profile& a, const profile& b) {
  const auto has_all = [](const string_map& has, const string_map& of) {
    return std::all_of(of.begin(), of.end(), [&](const auto& item) {
      const auto at = has.find(item.first);
      return item.first.starts_with("user.") || (at != has.end() && at->second == item.second);
    });
  };
  return a.devices == b.devices && has_all(a.config, b.config) && has_all(b.config, a.config);
}

/// The project's instances, with the changed row in its place.
std::vector<member_of_project> members_of(const state_view& s, project_id where,
                                          const object& next) {
  std::vector<member_of_project> all;
  const auto* changed = std::get_if<instance>(&next);
  const auto* under = std::get_if<profile>(&next);
  s.each(table::instance, where, [&](const object& o) {
    const auto& row = std::get<instance>(o);
    if (!changed || changed->head.id != row.head.id)
      all.push_back({row.name, expand(s, row, under)});
    return true;
  });
  if (changed) all.push_back({changed->name, expand(s, *changed)});
  return all;
}

status check_project(const state_view& s, const project& p, const object& next) {
  const bool counts = has_limits(p);
  if (!counts && !is_restricted(p)) return ok();
  const auto* one = std::get_if<instance>(&next);
  const auto all = counts || !one ? members_of(s, project_id{p.head.id.value}, next)
                                  : std::vector<member_of_project>{{one->name, expand(s, *one)}};
  if (is_restricted(p))
    for (const auto& i : all)
      if (auto good = check_instance(p, i); !good) return good;
  if (!counts) return ok();
  if (auto good = check_counts(p, all.size(), std::holds_alternative<project>(next)); !good)
    return good;
  return check_sums(p, all);
}

}  // namespace

result<std::uint64_t> used_of(const state_view& s, const project& p, const std::string& limit) {
  return sum(p, members_of(s, project_id{p.head.id.value}, p), limit);
}

status check_restrictions(const state_view& s, const object* old, const object& next) {
  if (const auto* p = std::get_if<project>(&next)) return check_project(s, *p, next);
  std::vector<project_id> where;
  if (const auto* i = std::get_if<instance>(&next)) where = {i->head.project};
  if (const auto* p = std::get_if<profile>(&next))
    if (!is_same(old ? std::get<profile>(*old) : profile{}, *p))
      where = users_of(s, p->head.project, "profiles");
  for (const auto id : where)
    if (const auto row = s.get({table::project, {}, {id.value}}))
      if (auto good = check_project(s, std::get<project>(*row), next); !good) return good;
  return ok();
}

}  // namespace muster::state
