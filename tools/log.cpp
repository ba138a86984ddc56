#include "tools/log.hpp"

#include "http/message/json_writer.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace muster::tools {

namespace {

bool as_json = false;
log_hearer hearer;

std::string shape(const std::string& text) {
  if (!as_json) return text;
  http::json_writer w;
  w.value(text);
  return w.take();
}

}  // namespace

void set_up_log(const std::string& format, const std::string& level, const std::string& file) {
  as_json = format == "json";
  spdlog::sink_ptr sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  if (!file.empty()) sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
  auto logger = std::make_shared<spdlog::logger>("musterd", std::move(sink));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  logger->set_pattern(as_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%v})"
                              : "%Y-%m-%dT%H:%M:%S.%e %l: %v");
  spdlog::set_default_logger(std::move(logger));
}

void set_log_hearer(log_hearer next) { hearer = std::move(next); }
void log_info(const std::string& text) {
  spdlog::info("{}", shape(text));
  if (hearer) hearer("info", text);
}
void log_error(const std::string& text) {
  spdlog::error("{}", shape(text));
  if (hearer) hearer("error", text);
}

}  // namespace muster::tools
