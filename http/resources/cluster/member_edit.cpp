#include "http/resources/cluster/member_edit.hpp"

#include "http/config/member_keys.hpp"
#include "schemas/basic/limits.hpp"

#include <algorithm>

namespace muster::http {

namespace {

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

failure bad(std::string text) { return fail(errc::bad_request, std::move(text)); }

status merge_config(string_map& config, const json_object& body, bool is_put,
                    status (*check)(const std::string&, const std::string&)) {
  const auto sent = body.map("config");
  if (is_put) config.clear();
  if (!sent) return ok();
  for (const auto& [key, value] : *sent) {
    if (auto good = check(key, value); !good) return good;
    if (value.empty())
      config.erase(key);
    else
      config[key] = value;
  }
  return ok();
}

/// Roles of the raft leader and of stand-bys come and go by themselves between a look and an edit:
/// whether they are in the list does not matter.
result<std::vector<std::string>> manual_roles(const std::vector<std::string>& wanted,
                                              const std::vector<std::string>& automatic) {
  const bool has = contains(automatic, "database");
  if (has != contains(wanted, "database"))
    return bad(std::string("The \"database\" role cannot be ") + (has ? "dropped" : "added") +
               " at this time: voters are chosen by the cluster (cluster.max_voters)");
  std::vector<std::string> roles;
  for (const auto& r : wanted)
    if (!r.starts_with("database") && !contains(roles, r)) roles.push_back(r);
  for (const auto& r : wanted)
    if (r.starts_with("database") && r != "database" && r != "database-leader" &&
        r != "database-standby")
      return bad("Update roles: Invalid cluster role \"" + r + "\"");
  return roles;
}

}  // namespace

result<member> edited_member(member m, const json_object& body, bool is_put,
                             const std::vector<std::string>& automatic) {
  const auto roles = body.list("roles");
  const auto groups = body.list("groups");
  m.description = body.text("description", is_put ? "" : m.description);
  m.failure_domain = body.text("failure_domain", is_put ? "default" : m.failure_domain);
  if (auto merged = merge_config(m.config, body, is_put, check_member_key); !merged)
    return merged.error();
  if (auto good = body.good(); !good) return good.error();
  if (m.failure_domain.empty()) return bad("Failure domain name can't be empty");
  if (m.failure_domain.size() > limits::name_bytes_max)
    return bad("Failure domain name can't be longer than 64 characters");
  if (m.description.size() > limits::config_value_bytes_max)
    return bad("The description is too long");
  if (roles) {
    auto manual = manual_roles(*roles, automatic);
    if (!manual) return manual.error();
    m.roles = *std::move(manual);
  } else if (is_put) {
    m.roles.clear();
  }
  if (groups || is_put) m.groups = groups.value_or(std::vector<std::string>{});
  if (m.groups.empty()) return bad("Cluster members need to belong to at least one group");
  return m;
}

result<cluster_group> edited_group(cluster_group g, const json_object& body, bool is_put) {
  g.description = body.text("description", is_put ? "" : g.description);
  if (auto merged = merge_config(g.config, body, is_put, check_group_key); !merged)
    return merged.error();
  if (auto good = body.good(); !good) return good.error();
  return g;
}

}  // namespace muster::http
