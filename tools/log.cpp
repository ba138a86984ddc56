#include "tools/log.hpp"

#include "http/front/json_writer.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace muster::tools {

namespace {

bool as_json = false;

std::string shape(const std::string& text) {
  if (!as_json) return text;
  http::json_writer w;
  w.value(text);
  return w.take();
}

}  // namespace

void set_up_log(const std::string& format, const std::string& level) {
  as_json = format == "json";
  auto logger = std::make_shared<spdlog::logger>("musterd",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  logger->set_pattern(as_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%v})"
                              : "%Y-%m-%dT%H:%M:%S.%e %l: %v");
  spdlog::set_default_logger(std::move(logger));
}

void log_info(const std::string& text) { spdlog::info("{}", shape(text)); }
void log_error(const std::string& text) { spdlog::error("{}", shape(text)); }

}  // namespace muster::tools
