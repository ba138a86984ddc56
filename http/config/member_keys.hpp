#pragma once
#include "http/config/keys.hpp"
#include "schemas/records.hpp"

/// The configuration keys of members and groups. Pure.
namespace muster::http {

const std::vector<config_key>& member_keys();
const std::vector<config_key>& group_keys();
/// @errors errc::bad_request with Incus's text.
status check_member_key(const std::string& key, const std::string& value);
status check_group_key(const std::string& key, const std::string& value);

}  // namespace muster::http
