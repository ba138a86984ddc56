#pragma once
#include "schemas/basic/result.hpp"

#include <string>

namespace muster::tools {

/// Gives the member that serves `data_dir` what a first container needs, through its API: a pool
/// named "default" if it has none, and a root disk in the default profile if that has none.
status init_storage(const std::string& data_dir);

}  // namespace muster::tools
