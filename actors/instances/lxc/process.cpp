#include "actors/instances/lxc/process.hpp"

#include "storage/disk/descriptor.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace muster::instances {

namespace {

constexpr std::size_t text_bytes_max = 16u << 10;
constexpr int unknown_end = 255;

/// A process that may be killed with all its children leads a group of its own.
enum class group : unsigned char { own, ours };

struct actions {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  explicit actions(group in) {
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                (in == group::own ? POSIX_SPAWN_SETPGROUP : 0)));
  }
  ~actions() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  actions(const actions&) = delete;
  actions& operator=(const actions&) = delete;
  void give(int from, int to) {
    if (from < 0)
      posix_spawn_file_actions_addopen(&files, to, "/dev/null", O_RDWR, 0);
    else
      posix_spawn_file_actions_adddup2(&files, from, to);
  }
};

/// This program. A build for ThreadSanitizer, which cannot follow liblxc into a container, is told
/// of one without it, and keeps its own libraries to itself.
const char* helper_program() {
  const char* other = std::getenv("MUSTER_TEST_HELPER");
  return other ? other : "/proc/self/exe";
}

std::vector<char*> helper_environment() {
  const bool is_other = std::getenv("MUSTER_TEST_HELPER") != nullptr;
  std::vector<char*> all;
  for (char** at = environ; *at; ++at)
    if (!is_other || !std::string_view(*at).starts_with("LD_LIBRARY_PATH=")) all.push_back(*at);
  all.push_back(nullptr);
  return all;
}

}  // namespace

namespace {

result<pid_t> spawn(const std::string& program, const char* shown,
                    const std::vector<std::string>& arguments, const child_io& io,
                    std::vector<char*> environment, group in, int message = -1) {
  std::vector<char*> argv{const_cast<char*>(shown)};
  for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  actions a(in);
  a.give(io.in, 0);
  a.give(io.out, 1);
  a.give(io.err, 2);
  if (message >= 0) a.give(message, message_fd);
  posix_spawn_file_actions_addclosefrom_np(&a.files, message >= 0 ? message_fd + 1 : message_fd);
  pid_t child = 0;
  if (const int code = posix_spawn(&child, program.c_str(), &a.files, &a.attributes, argv.data(),
                                   environment.data());
      code != 0)
    return fail(errc::unavailable,
                std::string("no process could be started: ") + std::strerror(code));
  return child;
}

/// Only in memory, and only for the child.
result<int> file_of(const std::string& message) {
  const int fd = ::memfd_create("message", MFD_CLOEXEC);
  if (fd < 0) return fail(errc::unavailable, std::string("no message: ") + std::strerror(errno));
  for (std::size_t at = 0; at < message.size();) {
    const auto n = ::write(fd, message.data() + at, message.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      ::close(fd);
      return fail(errc::unavailable, std::string("no message: ") + std::strerror(errno));
    }
    at += static_cast<std::size_t>(n);
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

result<pid_t> spawn_helper(const std::vector<std::string>& arguments, const child_io& io,
                           const std::string& message, group in) {
  if (message.empty())
    return spawn(helper_program(), "musterd", arguments, io, helper_environment(), in);
  auto file = file_of(message);
  if (!file) return file.error();
  auto child = spawn(helper_program(), "musterd", arguments, io, helper_environment(), in, *file);
  ::close(*file);
  return child;
}

using sink = std::function<status(std::string_view)>;

/// A pipe that the child writes to. Each part moves the deadline, if it is one for silence.
struct channel {
  int fd = -1;
  bool is_open = false;
  sink take;
};

/// Passes on what the child writes until it ends, then what is left; kills it and its children when
/// the time is over or somebody takes no more.
status pass_on(pid_t child, std::vector<channel>& from, std::chrono::milliseconds deadline,
               bool is_silence) {
  const storage::descriptor exited(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  auto end = std::chrono::steady_clock::now() + deadline;
  std::vector<char> part(1u << 16);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      return fail(errc::timed_out,
                  "it took longer than " + std::to_string(deadline.count()) + " ms");
    std::vector<pollfd> p{{exited.fd, POLLIN, 0}};
    for (const auto& c : from) p.push_back({c.is_open ? c.fd : -1, POLLIN, 0});
    ::poll(p.data(), p.size(), static_cast<int>(left.count()));
    bool has_read = false;
    for (std::size_t i = 0; i < from.size(); ++i) {
      auto& c = from[i];
      if (p[i + 1].revents == 0) continue;
      const auto n = ::read(c.fd, part.data(), part.size());
      if (n < 0 && errno == EINTR) continue;
      c.is_open = n > 0;  // closed, and the child goes on
      if (n <= 0) continue;
      has_read = true;
      if (auto taken = c.take({part.data(), static_cast<std::size_t>(n)}); !taken) return taken;
    }
    if (has_read && is_silence) end = std::chrono::steady_clock::now() + deadline;
    if (!has_read && p[0].revents) return ok();
  }
}

/// Closes the pipes.
result<process_end> follow(pid_t child, int errors, std::chrono::milliseconds deadline,
                           int content = -1, const sink& take = {}) {
  process_end end;
  std::vector<channel> from;
  from.push_back({errors, true, [&](std::string_view text) {
                    if (end.text.size() < text_bytes_max) end.text.append(text);
                    return ok();
                  }});
  if (content >= 0) from.push_back({content, true, take});
  auto passed = pass_on(child, from, deadline, content >= 0);
  if (!passed) ::kill(-child, SIGKILL);
  end.code = wait_for_end(child);
  for (const auto& c : from) ::close(c.fd);
  return passed ? result<process_end>(std::move(end)) : passed.error();
}

std::string find_program(const std::string& name) {
  for (const char* folder :
       {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/", "/usr/local/sbin/", "/usr/local/bin/"})
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  return {};
}

std::string package_of(const std::string& program) {
  if (program == "mkfs.btrfs" || program == "btrfs") return "btrfs-progs";
  if (program == "nft") return "nftables";
  if (program == "dnsmasq") return "dnsmasq-base";
  return program == "ip" ? "iproute2" : "util-linux";
}

}  // namespace

result<pid_t> spawn_self(const std::vector<std::string>& arguments, const child_io& io,
                         const std::string& message) {
  return spawn_helper(arguments, io, message, group::ours);
}

result<std::string> take_message() {
  constexpr std::size_t bytes_max = 64u << 20;
  std::string all;
  std::vector<char> part(1u << 16);
  for (;;) {
    const auto n = ::read(message_fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errc::corrupt, "the helper has no message");
    if (n == 0) break;
    if (all.size() > bytes_max) return fail(errc::too_large, "the helper's message is too large");
    all.append(part.data(), static_cast<std::size_t>(n));
  }
  ::close(message_fd);
  return all;
}

int wait_for_end(pid_t child) {
  int state = 0;
  pid_t ended = -1;
  while ((ended = ::waitpid(child, &state, 0)) < 0 && errno == EINTR) {
  }
  if (ended < 0) return unknown_end;
  return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

result<process_end> run_self(const std::vector<std::string>& arguments,
                             std::chrono::milliseconds deadline, const std::string& message) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errc::unavailable, "no pipe");
  auto child = spawn_helper(arguments, {-1, -1, ends[1]}, message, group::own);
  ::close(ends[1]);
  if (child) return follow(*child, ends[0], deadline);
  ::close(ends[0]);
  return child.error();
}

result<process_end> run_self_into(const std::vector<std::string>& arguments,
                                  std::chrono::milliseconds silence, const std::string& message,
                                  const sink& take) {
  int errors[2];
  int content[2];
  if (::pipe2(errors, O_CLOEXEC) != 0) return fail(errc::unavailable, "no pipe");
  if (::pipe2(content, O_CLOEXEC) != 0) {
    ::close(errors[0]);
    ::close(errors[1]);
    return fail(errc::unavailable, "no pipe");
  }
  auto child = spawn_helper(arguments, {-1, content[1], errors[1]}, message, group::own);
  ::close(errors[1]);
  ::close(content[1]);
  if (child) return follow(*child, errors[0], silence, content[0], take);
  ::close(errors[0]);
  ::close(content[0]);
  return child.error();
}

result<std::string> run_program(const std::vector<std::string>& command,
                                std::chrono::milliseconds deadline) {
  const auto& name = command.front();
  const auto program = find_program(name);
  if (program.empty())
    return fail(errc::refused, "the program " + name + " is missing: install the Debian package " +
                                   package_of(name));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errc::unavailable, "no pipe");
  std::vector<char*> environment = helper_environment();
  auto child = spawn(program, name.c_str(), {command.begin() + 1, command.end()},
                     {-1, ends[1], ends[1]}, std::move(environment), group::own);
  ::close(ends[1]);
  if (!child) {
    ::close(ends[0]);
    return child.error();
  }
  auto ended = follow(*child, ends[0], deadline);
  if (!ended) return fail(ended.error().code, name + ": " + ended.error().detail);
  while (ended->text.ends_with('\n')) ended->text.pop_back();
  if (ended->code != 0)
    return fail(errc::refused,
                name + ": " +
                    (ended->text.empty() ? "it ended with code " + std::to_string(ended->code)
                                         : ended->text));
  return std::move(ended->text);
}

}  // namespace muster::instances
