#include "http/config/server_keys.hpp"
#include "http/resources/resources.hpp"

#include <sys/utsname.h>
#include <unistd.h>

namespace muster::http {

namespace {

/// Only what works.
const std::vector<std::string>& extensions() {
  static const std::vector<std::string> all{"etag",
                                            "patch",
                                            "clustering",
                                            "clustering_join",
                                            "clustering_join_token",
                                            "cluster_join_token_expiry",
                                            "clustering_description",
                                            "clustering_failure_domains",
                                            "clustering_config",
                                            "clustering_architecture",
                                            "clustering_roles",
                                            "clustering_update_cert",
                                            "cluster_member_state",
                                            "clustering_edit_roles",
                                            "clustering_groups",
                                            "clustering_groups_config",
                                            "cluster_group_usedby",
                                            "event_location",
                                            "operation_location",
                                            "projects",
                                            "projects_limits",
                                            "projects_limits_disk",
                                            "projects_limits_instances",
                                            "projects_restrictions",
                                            "projects_restricted_cluster_target",
                                            "project_usage",
                                            "metrics",
                                            "certificate_update",
                                            "certificate_description",
                                            "certificate_token",
                                            "certificate_project",
                                            "explicit_trust_token",
                                            "event_lifecycle",
                                            "event_lifecycle_requestor",
                                            "event_lifecycle_requestor_address",
                                            "instance_get_full",
                                            "instances",
                                            "storage",
                                            "network",
                                            "profile_usedby",
                                            "entity_description",
                                            "api_filtering",
                                            "container_full",
                                            "instance_all_projects",
                                            "event_lifecycle_name_and_project",
                                            "event_project",
                                            "network_type",
                                            "network_type_macvlan",
                                            "network_type_physical",
                                            "network_get_target",
                                            "network_state",
                                            "network_leases",
                                            "network_leases_location",
                                            "warnings",
                                            "operation_description",
                                            "operation_wait",
                                            "container_exec_recording",
                                            "container_exec_user_group_cwd",
                                            "container_exec_signal_handling",
                                            "instance_create_start",
                                            "instance_state_started_at",
                                            "image_compression_algorithm",
                                            "image_create_aliases",
                                            "image_import_alias",
                                            "image_profiles",
                                            "image_copy_profile",
                                            "image_source_project",
                                            "clustering_image_replication"};
  return all;
}

std::string os_field(const char* field) {
  auto content = storage::read_file("/etc/os-release");
  if (!content) return "";
  const auto at = content->find(std::string(field) + "=");
  if (at == std::string::npos) return "";
  auto value = content->substr(at + std::string(field).size() + 1);
  value = value.substr(0, value.find('\n'));
  if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
  return value;
}

string_map shown_config(const state_view& s, api& a, const addresses& where) {
  const auto& n = a.server();
  auto config = s.only<server_config>().value_or(server_config{}).config;
  if (const auto m = s.row<member>({}, {n.self().value}))
    config.insert(m->own_config.begin(), m->own_config.end());
  const auto c = s.only<cluster>();
  if (!where.core.empty()) config["core.https_address"] = where.core;
  if (!where.cluster.empty() && (!a.addresses().is_fixed() || (c && c->enabled)))
    config["cluster.https_address"] = where.cluster;
  return config;
}

std::string writable(const string_map& config) {
  json_writer w;
  w.begin_object().field("config", config);
  return w.end_object().take();
}

void write_environment(json_writer& w, node::node& n, const state_view& s) {
  utsname u{};
  ::uname(&u);
  const auto shown = n.shown_pair();
  const auto print = tls::fingerprint_of(shown.certificate);
  const auto c = s.only<cluster>();
  w.key("environment").begin_object();
  w.key("addresses").begin_array();
  if (!n.address().empty()) w.value(n.address());
  w.end_array();
  w.key("architectures").begin_array().value(u.machine).end_array();
  w.field("certificate", shown.certificate).field("certificate_fingerprint", print ? *print : "");
  w.field("driver", "lxc").field("driver_version", "5.0.2").field("firewall", "");
  w.field("kernel", u.sysname).field("kernel_architecture", u.machine);
  w.key("kernel_features").begin_object().end_object();
  w.field("kernel_version", u.release);
  w.key("lxc_features").begin_object().end_object();
  w.field("os_name", os_field("NAME")).field("os_version", os_field("VERSION_ID"));
  w.field("project", "default").field("server", "incus");
  w.field("server_clustered", c && c->enabled).field("server_event_mode", "full-mesh");
  w.field("server_name", n.name()).field("server_pid", static_cast<std::int64_t>(::getpid()));
  w.field("server_version", node::version);
  w.field("storage", "dir").field("storage_version", "1");
  w.key("storage_supported_drivers").begin_array().begin_object();
  w.field("Name", "dir").field("Version", "1").field("Remote", false).end_object().end_array();
  w.end_object();
}

response show_server(api& a, const request& r, const state_view& s) {
  auto& n = a.server();
  const auto may = a.access_of(r);
  const bool trusted = may != access::none && may != access::metrics &&
                       (r.peer.is_unix || !r.query.contains("public"));
  const bool is_whole = may == access::full || may == access::member;
  json_writer w;
  w.begin_object();
  const auto config = shown_config(s, a, a.addresses().now());
  if (trusted && is_whole)
    w.field("config", config);
  else
    w.key("config").begin_object().end_object();
  w.field("api_extensions", extensions()).field("api_status", "stable").field("api_version", "1.0");
  w.field("auth", trusted ? "trusted" : "untrusted").field("public", false);
  w.key("auth_methods").begin_array().value("tls").end_array();
  const auto who = api::requestor_of(r);
  if (trusted) {
    w.field("auth_user_name", who.username).field("auth_user_method", who.protocol);
    write_environment(w, n, s);
  }
  w.end_object();
  auto answer = sync(w.take());
  if (trusted && is_whole) answer.headers["ETag"] = etag_of(writable(config));
  return answer;
}

/// Where this server listens is only compared.
status check_addresses(const string_map& sent, const std::string& own) {
  for (const auto& [key, value] : sent)
    if (is_address_key(key) && !value.empty() &&
        tls::canonical_address(value) != tls::canonical_address(own))
      return fail(errc::bad_request,
                  "Changing " + key + " is currently not supported: it is given by --address");
  return ok();
}

/// What is there and not sent is unset, but for user.* keys, as Incus 6.0 does.
void unset_others(string_map& changes, const string_map& stored, const string_map& sent) {
  for (const auto& [key, value] : stored)
    if (!key.starts_with("user.") && !sent.contains(key)) changes[key] = "";
}

void drop_unchanged(string_map& changes, const string_map& stored) {
  std::erase_if(changes, [&](const auto& item) {
    const auto at = stored.find(item.first);
    return item.second == (at == stored.end() ? std::string{} : at->second);
  });
}

/// Where this server listens changes at once; the answer still goes out by the old connection.
status move_listeners(api& a, const request& r, const string_map& sent) {
  const auto state = a.server().read(node::freshness::usual);
  if (!state) return state.error();
  if (auto match = check_etag(
          r, [&] { return writable(shown_config(*state->state, a, a.addresses().now())); });
      !match)
    return match;
  auto wanted =
      after_config(a.addresses().now(), sent, r.method == "PUT", a.server().is_clustered());
  return wanted ? a.addresses().set(*wanted) : status(wanted.error());
}

/// PUT gives all keys, PATCH gives some. Keys of one member are those of the member that answers.
response change_config(api& a, const request& r) {
  auto body = json_object::parse(r.body);
  if (!body) return error(body.error());
  const auto sent = body->map("config").value_or(string_map{});
  if (auto good = body->good(); !good) return error(good.error());
  auto checked = checked_config(sent);
  if (!checked) return error(checked.error());
  const auto before = a.addresses().now();  // what If-Match speaks of
  const auto how = [&a, before, sent, checked = *checked](const request& q,
                                                          const state_view& s) -> api::change {
    auto& n = a.server();
    if (auto match = check_etag(q, [&] { return writable(shown_config(s, a, before)); }); !match)
      return error(match.error());
    if (a.addresses().is_fixed())
      if (auto good = check_addresses(sent, n.address()); !good) return error(good.error());
    const auto stored = s.only<server_config>().value_or(server_config{});
    const auto own = s.row<member>({}, {n.self().value}).value_or(member{}).own_config;
    set_config change;
    change.changes = checked.global;
    change.own_of = n.self();
    change.own_changes = checked.own;
    const bool is_put = q.method == "PUT";
    if (is_put) {
      unset_others(change.changes, stored.config, sent);
      unset_others(change.own_changes, own, sent);
    }
    drop_unchanged(change.changes, stored.config);
    drop_unchanged(change.own_changes, own);
    if (change.changes.empty() && change.own_changes.empty()) return empty_sync();
    if (is_put || !q.header("if-match").empty()) change.expected = stored.head.modified;
    return {std::move(change), empty_sync()};
  };
  if (!a.addresses().is_fixed())
    if (auto moved = move_listeners(a, r, sent); !moved) return error(moved.error());
  return a.changing(r, how);
}

}  // namespace

void add_server_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/metadata/configuration",
             [](const request&, const captures&) { return sync(configuration_json()); });
  routes.add("GET", "/", [](const request&, const captures&) { return sync("[\"/1.0\"]"); });
  const auto show = a.reading([&a](const request& r, const captures&, const state_view& s) {
    return show_server(a, r, s);
  });
  routes.add(
      "GET", "/1.0",
      [&a, show](const request& r, const captures& c) {
        return a.access_of(r) == access::none ? show_server(a, r, *a.server().local_view())
                                              : show(r, c);
      },
      pace::quick);
  for (const char* method : {"PUT", "PATCH"})
    routes.add(
        method, "/1.0", [&a](const request& r, const captures&) { return change_config(a, r); },
        pace::quick);
}

}  // namespace muster::http
