#pragma once
#include "schemas/result.hpp"

#include <string>

namespace muster::http {

/// Instance and profile keys: user.*, and those that the driver knows.
status check_instance_config(const std::string& key, const std::string& value);

}  // namespace muster::http
