#pragma once
#include "http/config/keys.hpp"
#include "schemas/basic/result.hpp"
#include "schemas/records.hpp"

/// The configuration keys of projects. Pure.
namespace muster::http {

const std::vector<config_key>& project_keys();
/// @errors errc::bad_request, names the key.
status check_project_config(const string_map& config);

}  // namespace muster::http
