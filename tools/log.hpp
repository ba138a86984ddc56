#pragma once
#include <functional>
#include <string>

namespace muster::tools {

/// @param format text or json. @param level of spdlog: debug, info, warn, error. @param file empty:
/// stderr.
void set_up_log(const std::string& format, const std::string& level, const std::string& file = {});
/// Whoever hears of each line, too; set before others log.
using log_hearer = std::function<void(const char* level, const std::string& text)>;
void set_log_hearer(log_hearer hearer);
void log_info(const std::string& text);
void log_error(const std::string& text);

}  // namespace muster::tools
