#pragma once
#include "schemas/basic/result.hpp"

#include <string>

namespace muster::tools {

/// Asks the member that runs in `data_dir`, by its unix socket; waits at most 15 s.
/// @return the metadata of the answer, JSON. @errors errc::unavailable: none runs; errc::refused
/// with the member's words.
result<std::string> ask_member(const std::string& data_dir, const std::string& method,
                               const std::string& target, const std::string& body);

}  // namespace muster::tools
