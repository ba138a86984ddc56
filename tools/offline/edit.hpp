#pragma once
#include "actors/node/recovery/recovery.hpp"

/// What `cluster edit` may change. Pure.
namespace muster::tools {

struct moved_member {
  member_id id;
  std::string name;
  std::string from;
  std::string to;
  bool operator==(const moved_member&) const = default;
};
/// @param yaml as `as_yaml` makes it, with other addresses. @errors errc::bad_request
result<std::vector<moved_member>> moved_in(const node::offline_view& here, const std::string& yaml);
std::string as_yaml(const node::offline_view& here);

}  // namespace muster::tools
