#pragma once
#include "schemas/basic/result.hpp"

#include <string>

namespace muster::tools {

/// Makes the data directory if need be and gives its one name: liblxc's sockets, cgroups and mounts
/// are named after it. The name is kept in it. @errors errc::refused: it had another when
/// containers were started that still run, and this server would start each a second time
result<std::string> enter_data_dir(const std::string& as_typed);

}  // namespace muster::tools
