#pragma once
#include <string>

namespace muster::tools {

/// @param format text or json. @param level of spdlog: debug, info, warn, error. @param file empty:
/// stderr.
void set_up_log(const std::string& format, const std::string& level, const std::string& file = {});
void log_info(const std::string& text);
void log_error(const std::string& text);

}  // namespace muster::tools
