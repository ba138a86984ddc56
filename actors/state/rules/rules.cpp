#include "actors/state/rules/rules.hpp"

#include "actors/state/commands/groups.hpp"
#include "actors/state/rules/projects.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/text_rules.hpp"
#include "schemas/projects.hpp"

#include <algorithm>

namespace muster::state {

namespace {

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

failure taken_profile(std::string_view name) {
  return fail(errc::refused, "Error inserting \"" + std::string(name) +
                                 "\" into database: The profile already exists");
}
failure taken_project(std::string_view name) {
  return fail(errc::refused, "Failed creating project \"" + std::string(name) +
                                 "\": Failed adding database record: Project \"" +
                                 std::string(name) + "\" already exists");
}
failure taken_alias(std::string_view name) {
  return fail(errc::conflict, "Alias \"" + std::string(name) + "\" already exists");
}
failure taken_image(std::string_view) {
  return fail(errc::conflict, "Image with same fingerprint already exists");
}
failure taken_instance(std::string_view name) {
  return fail(errc::conflict, "Instance \"" + std::string(name) + "\" already exists");
}
failure taken_group(std::string_view name) {
  return fail(errc::conflict, "Cluster group \"" + std::string(name) + "\" already exists");
}
failure taken_certificate(std::string_view) {
  return fail(errc::conflict, "Certificate already in trust store");
}

bool is_default(const object& row) { return name_of(row) == default_project; }

status check_profile_name(std::string_view name) {
  return text_rules::check_path_name("profile", name);
}
/// Part of URLs, of a client's certificates and of its configuration.
status check_project_name(std::string_view name) {
  if (name.find('/') != std::string_view::npos)
    return fail(errc::bad_request, "Project names may not contain slashes");
  for (const auto& [barred, what] : {std::pair{' ', "spaces"},
                                     {'_', "underscores"},
                                     {'\'', "single quotes"},
                                     {'"', "double quotes"},
                                     {',', "commas"},
                                     {'?', "question marks"},
                                     {'&', "ampersands"},
                                     {'+', "plus signs"}})
    if (name.find(barred) != std::string_view::npos)
      return fail(errc::bad_request, std::string("Project names may not contain ") + what);
  if (name == "*") return fail(errc::bad_request, "Reserved project name");
  return text_rules::check_path_name("project", name);
}
status check_alias_name(std::string_view name) { return text_rules::check_name("alias", name); }
status check_group_name(std::string_view name) {
  return is_valid_name(name) ? ok() : status(fail(errc::bad_request, "Invalid cluster group name"));
}
status check_member_name(std::string_view name) {
  return is_valid_name(name) ? ok()
                             : status(fail(errc::bad_request, "Invalid name of a cluster member"));
}
status check_instance_name(std::string_view name) {
  return is_valid_instance_name(name) ? ok()
                                      : status(fail(errc::bad_request, "Invalid instance name"));
}
status check_fingerprint(std::string_view name) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (name.size() != 64 || !std::all_of(name.begin(), name.end(), is_hex))
    return fail(errc::bad_request, "Invalid fingerprint");
  return ok();
}

status may_erase_profile(const state_view& state, const object& row) {
  if (is_default(row)) return fail(errc::forbidden, "The \"default\" profile cannot be deleted");
  bool used = false;
  each_user_of_profile(state, std::get<profile>(row), [&](const instance&) { used = true; });
  if (used) return fail(errc::bad_request, "Profile is currently in use");
  return ok();
}

status may_rename_profile(const state_view&, const object& row, std::string_view) {
  if (is_default(row)) return fail(errc::forbidden, "The \"default\" profile cannot be renamed");
  return ok();
}

status may_create_alias(const state_view& state, const object& row) {
  const auto& alias = std::get<image_alias>(row);
  if (!state.row<image>(alias.head.project, alias.target))
    return fail(errc::not_found, "Image not found");
  return ok();
}

status may_create_instance(const state_view& state, const object& row) {
  const auto& value = std::get<instance>(row);
  const auto owner = state.row<member>({}, {value.owner.value});
  if (!owner) return fail(errc::not_found, "Cluster member not found");
  if (owner->state != member_state::created)
    return fail(errc::forbidden, "Cluster member is evacuated");
  if (!value.image_fingerprint.empty() &&
      !state.by_name<image>(home_of(state, value.head.project, "images"), value.image_fingerprint))
    return fail(errc::not_found, "Image not found");  // it has gone since it was looked up
  return ok();
}

status may_erase_instance(const state_view&, const object& row) {
  if (std::get<instance>(row).wanted != power::stopped)
    return fail(errc::bad_request, "Instance is running");
  return ok();
}

void keep_instance(const object& old, object& next) {
  const auto& before = std::get<instance>(old);
  auto& after = std::get<instance>(next);
  after.uuid = before.uuid;
  after.image_fingerprint = before.image_fingerprint;
  after.type = before.type;
  after.owner = before.owner;
  after.generation = before.generation;
  after.wanted = before.wanted;
  after.status = before.status;
  after.operation = before.operation;
  after.last_used_ms = before.last_used_ms;
}

void keep_image(const object& old, object& next) {
  const auto& before = std::get<image>(old);
  auto& after = std::get<image>(next);
  after.fingerprint = before.fingerprint;
  after.size_bytes = before.size_bytes;
  after.locations = before.locations;
}

void keep_member(const object& old, object& next) {
  const auto& before = std::get<member>(old);
  auto& after = std::get<member>(next);
  after.certificate = before.certificate;
  after.fingerprint = before.fingerprint;
  after.address = before.address;
  after.architecture = before.architecture;
  after.state = before.state;
  after.own_config = before.own_config;
  after.join_secret_hash = before.join_secret_hash;
}

/// Whether a device of a profile or instance has `key`=`name`.
bool is_used(const state_view& state, const char* key, std::string_view name) {
  bool found = false;
  const auto look = [&](const device_map& devices) {
    for (const auto& [device, settings] : devices)
      if (const auto at = settings.find(key); at != settings.end() && at->second == name)
        found = true;
    return !found;
  };
  state.each(table::instance, std::nullopt,
             [&](const object& o) { return look(std::get<instance>(o).devices); });
  if (!found)
    state.each(table::profile, std::nullopt,
               [&](const object& o) { return look(std::get<profile>(o).devices); });
  return found;
}

failure taken_pool(std::string_view) {
  return fail(errc::refused, "The storage pool is already created");
}
failure taken_network(std::string_view) {
  return fail(errc::refused, "The network is already created");
}

/// A bridge has the name of its network; files and firewall tables are named after it.
status check_interface_name(std::string_view name) {
  const auto fits = [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  if (name.size() > 15)
    return fail(errc::bad_request, "Network name must be at most 15 characters long");
  if (!std::all_of(name.begin(), name.end(), fits))
    return fail(errc::bad_request,
                "Invalid network name \"" + std::string(name) +
                    "\": letters, digits, dots, hyphens and underscores make an interface's name");
  return ok();
}

status may_create_spread(const state_view&, const object& row) {
  const bool is_pool = std::holds_alternative<storage_pool>(row);
  if (!is_valid_name(name_of(row)) || name_of(row) == "none")
    return fail(errc::bad_request,
                std::string(is_pool ? "Invalid storage pool name \"" : "Invalid network name \"") +
                    std::string(name_of(row)) + "\"");
  if (!is_pool) return check_interface_name(name_of(row));
  return ok();
}

status may_erase_pool(const state_view& state, const object& row) {
  if (is_used(state, "pool", name_of(row)))
    return fail(errc::bad_request, "The storage pool is currently in use");
  return ok();
}

status may_erase_network(const state_view& state, const object& row) {
  if (is_used(state, "network", name_of(row)))
    return fail(errc::bad_request, "The network is currently in use");
  return ok();
}

status refuse_rename(const state_view&, const object& row, std::string_view) {
  return fail(errc::bad_request, std::holds_alternative<network>(row)
                                     ? "Renaming clustered network not supported"
                                     : "Renaming storage pools is not supported");
}

void keep_pool(const object& old, object& next) {
  std::get<storage_pool>(next).driver = std::get<storage_pool>(old).driver;
}

void keep_network(const object& old, object& next) {
  std::get<network>(next).type = std::get<network>(old).type;
}

/// Users change the status, nothing else.
void keep_warning(const object& old, object& next) {
  const auto wanted = std::get<warning>(next).status;
  next = old;
  std::get<warning>(next).status = wanted;
}

status refuse_direct(const state_view&, const object&) {
  return fail(errc::bad_request, "rows of this table are not made or removed directly");
}
status refuse_replace(const state_view&, const object&, const object&) {
  return fail(errc::bad_request, "rows of this table are not replaced directly");
}

table_rules pool_rules() {
  return {.noun = "storage-pool",
          .collection = "storage-pools",
          .may_create = may_create_spread,
          .may_erase = may_erase_pool,
          .may_rename = refuse_rename,
          .taken = taken_pool,
          .keep = keep_pool};
}

table_rules project_rules() {
  return {.noun = "project",
          .collection = "projects",
          .may_erase = may_erase_project,
          .may_rename = may_rename_project,
          .taken = taken_project,
          .check_name = check_project_name,
          .may_replace = may_replace_project};
}

table_rules profile_rules() {
  return {.noun = "profile",
          .collection = "profiles",
          .may_erase = may_erase_profile,
          .may_rename = may_rename_profile,
          .taken = taken_profile,
          .check_name = check_profile_name};
}

table_rules network_rules() {
  return {.noun = "network",
          .collection = "networks",
          .may_create = may_create_spread,
          .may_erase = may_erase_network,
          .may_rename = refuse_rename,
          .taken = taken_network,
          .keep = keep_network};
}

table_rules group_rules() {
  return {.noun = "cluster-group",
          .collection = "cluster/groups",
          .may_create = refuse_direct,
          .may_erase = may_erase_group,
          .may_rename = may_rename_group,
          .taken = taken_group,
          .check_name = check_group_name,
          .may_replace = refuse_replace};
}

table_rules make_rules(table where) {
  switch (where) {
    case table::member:
      return {.noun = "cluster-member",
              .collection = "cluster/members",
              .may_create = refuse_direct,
              .may_erase = refuse_direct,
              .check_name = check_member_name,
              .may_replace = may_replace_member,
              .keep = keep_member};
    case table::cluster_group:
      return group_rules();
    case table::certificate:
      return {.noun = "certificate",
              .collection = "certificates",
              .taken = taken_certificate,
              .check_name = check_fingerprint};
    case table::token:
      return {.noun = "token"};
    case table::project:
      return project_rules();
    case table::profile:
      return profile_rules();
    case table::storage_pool:
      return pool_rules();
    case table::network:
      return network_rules();
    case table::warning:
      return {.noun = "warning",
              .collection = "warnings",
              .may_create = refuse_direct,
              .keep = keep_warning};
    case table::image:
      return {.noun = "image",
              .collection = "images",
              .taken = taken_image,
              .check_name = check_fingerprint,
              .keep = keep_image};
    case table::image_alias:
      return {.noun = "image-alias",
              .collection = "images/aliases",
              .may_create = may_create_alias,
              .taken = taken_alias,
              .check_name = check_alias_name};
    case table::instance:
      return {.noun = "instance",
              .collection = "instances",
              .may_create = may_create_instance,
              .may_erase = may_erase_instance,
              .taken = taken_instance,
              .check_name = check_instance_name,
              .keep = keep_instance};
    case table::counters:
    case table::cluster:
    case table::server_config:
    case table::proposer:
    case table::seen_request:
    case table::event:
    case table::member_standing:
    case table::removed_member:
    case table::leftover:
      break;
  }
  return {.may_create = refuse_direct, .may_erase = refuse_direct};
}

}  // namespace

const table_rules& rules_of(table where) {
  static const auto all = [] {
    std::vector<table_rules> rules;
    for (unsigned t = 0; t <= static_cast<unsigned>(table::last); ++t)
      rules.push_back(make_rules(static_cast<table>(t)));
    return rules;
  }();
  return all[static_cast<std::size_t>(where)];
}

failure taken_plain(std::string_view name) {
  return fail(errc::conflict, "\"" + std::string(name) + "\" already exists");
}

bool is_valid_name(std::string_view name) {
  constexpr std::string_view barred = "$?&+\"'`*/ ";
  return !name.empty() && name.size() <= limits::name_bytes_max && is_alnum(name.front()) &&
         is_alnum(name.back()) && name.find_first_of(barred) == std::string_view::npos &&
         text_rules::is_line(name);
}

bool is_valid_instance_name(std::string_view name) {
  const auto fits = [](char c) { return is_alnum(c) || c == '-'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && name.size() < limits::name_bytes_max &&
         std::all_of(name.begin(), name.end(), fits) && name.front() != '-' && name.back() != '-' &&
         !digit(name.front());
}

}  // namespace muster::state
