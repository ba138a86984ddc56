#include "schemas/records.hpp"

namespace muster {

namespace {

template <class T>
std::string_view name_in(const T& row) {
  if constexpr (std::is_same_v<T, certificate> || std::is_same_v<T, image> ||
                std::is_same_v<T, removed_member>)
    return row.fingerprint;
  else if constexpr (std::is_same_v<T, token> || std::is_same_v<T, warning>)
    return row.uuid;
  else if constexpr (requires { row.name; } && !std::is_same_v<T, event>)
    return row.name;
  else
    return {};
}

}  // namespace

std::string_view name_of(const object& row) {
  return std::visit([](const auto& r) { return name_in(r); }, row);
}

record_head& head_of(object& row) {
  return std::visit([](auto& r) -> record_head& { return r.head; }, row);
}

const record_head& head_of(const object& row) {
  return std::visit([](const auto& r) -> const record_head& { return r.head; }, row);
}

table table_of(const object& row) {
  return std::visit([](const auto& r) { return r.where; }, row);
}

row_key key_of(const object& row) {
  const auto& head = head_of(row);
  return {table_of(row), head.project, head.id};
}

bool is_named(table t) {
  switch (t) {
    case table::member:
    case table::certificate:
    case table::token:
    case table::project:
    case table::profile:
    case table::storage_pool:
    case table::network:
    case table::image:
    case table::image_alias:
    case table::instance:
    case table::cluster_group:
    case table::removed_member:
    case table::warning:
      return true;
    case table::counters:
    case table::cluster:
    case table::server_config:
    case table::proposer:
    case table::seen_request:
    case table::event:
    case table::member_standing:
    case table::leftover:
      return false;
  }
  return false;
}

}  // namespace muster
