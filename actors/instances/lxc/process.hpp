#pragma once
#include "schemas/basic/result.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace muster::instances {

/// Descriptors a child gets as 0, 1 and 2; -1: /dev/null.
struct child_io {
  int in = -1;
  int out = -1;
  int err = -1;
};
/// What a helper reads its message from.
constexpr int message_fd = 3;

/// Starts this binary again with other arguments. Everything but 0, 1, 2 and the message is closed
/// in it, signals are as at the start of a program.
result<pid_t> spawn_self(const std::vector<std::string>& arguments, const child_io& io,
                         const std::string& message = {});

struct process_end {
  int code = 0;      ///< exit code, or 128 + signal
  std::string text;  ///< what it wrote to 2, at most 16 KiB
};
/// Runs a helper to its end. @errors errc::timed_out after which it was killed, with its children.
result<process_end> run_self(const std::vector<std::string>& arguments,
                             std::chrono::milliseconds deadline, const std::string& message = {});
/// The same, and what it writes to 1 goes to `take`, whose failure ends it. @errors errc::timed_out
/// when nothing has come for that long
result<process_end> run_self_into(const std::vector<std::string>& arguments,
                                  std::chrono::milliseconds silence, const std::string& message,
                                  const std::function<status(std::string_view)>& take);
/// Whole, in a helper; the descriptor is closed. @errors errc::corrupt, errc::too_large
result<std::string> take_message();

/// Runs a program of the system to its end, found in the usual folders whatever PATH says. Gives
/// what it wrote. @errors errc::refused with its own words, or with the package that is missing;
/// errc::timed_out after which it was killed.
result<std::string> run_program(const std::vector<std::string>& command,
                                std::chrono::milliseconds deadline);

/// Waits for a child; code as in process_end, 255 if its end cannot be known.
int wait_for_end(pid_t child);

}  // namespace muster::instances
