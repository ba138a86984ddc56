#pragma once
#include "http/message/json_reader.hpp"
#include "schemas/spread.hpp"

/// `member_config` of /1.0/cluster: the keys that mean one member alone. Pure.
namespace muster::http {

/// Keys that are set on `self`, without their values: what a server that joins is asked for.
std::string member_config_json(const state_view& s, member_id self);
/// What a server that joins gives. @errors errc::bad_request
result<std::vector<member_key>> read_member_config(const json_object& body);

}  // namespace muster::http
