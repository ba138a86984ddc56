#pragma once
#include "schemas/basic/result.hpp"

#include <string>

namespace muster::storage {

/// DIR/condemned: the applied state of this member is known to be wrong. Outlives a crash, until
/// another state has taken its place.
status mark_condemned(const std::string& data_dir);
bool is_condemned(const std::string& data_dir);
status clear_condemned(const std::string& data_dir);

}  // namespace muster::storage
