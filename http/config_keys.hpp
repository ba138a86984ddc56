#pragma once
#include "schemas/result.hpp"

#include <string>

namespace muster::http {

/// Keys of one member, given on its command line.
bool is_local_key(const std::string& key);
/// @errors errc::bad_request with Incus's text for an unknown key or a bad value. An empty value
/// unsets.
status check_config(const std::string& key, const std::string& value);
/// Instance and profile keys: user.*, and those that the driver knows.
status check_instance_config(const std::string& key, const std::string& value);

}  // namespace muster::http
