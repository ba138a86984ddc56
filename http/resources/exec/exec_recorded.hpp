#pragma once
#include "actors/instances/lxc/lxc_driver.hpp"

namespace muster::http {

/// Of each of the two; what comes behind is thrown away.
constexpr std::size_t exec_recorded_bytes_max = 16u << 20;

/// Runs a command whose output goes to two new files of the directory. Gives its exit code.
result<int> exec_recorded(const instances::lxc_driver& driver, const instances::container& c,
                          const instances::exec_wish& what, const std::string& directory,
                          const std::vector<std::string>& files);

}  // namespace muster::http
