#include "schemas/basic/fault_point.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace muster {

namespace {

/// "name", or "name:3" for the third time.
struct wish {
  std::string name;
  int times = 0;
  std::atomic<int> seen{0};

  explicit wish(const char* variable) {
    const char* text = std::getenv(variable);
    if (!text) return;
    name = text;
    times = 1;
    if (const auto colon = name.find(':'); colon != std::string::npos) {
      times = std::atoi(name.c_str() + colon + 1);
      name.resize(colon);
    }
  }
  bool is_met(const char* at) { return times > 0 && name == at && ++seen == times; }
};

}  // namespace

void fault_point(const char* name) {
  static wish end("MUSTER_TEST_FAULT");
  static wish stop("MUSTER_TEST_STOP");
  if (end.is_met(name)) std::raise(SIGKILL);
  if (stop.is_met(name)) std::raise(SIGSTOP);
}

}  // namespace muster
