#include "actors/instances/container_files.hpp"

#include "storage/disk/descriptor.hpp"
#include "storage/identity.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <poll.h>
#include <signal.h>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace muster::instances {

namespace {

constexpr const char* identity_name = "/identity";
constexpr const char* run_name = "/run";
constexpr const char* lock_name = "/lock";

std::map<std::string, std::string> fields_of(const std::string& content) {
  std::map<std::string, std::string> fields;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);)
    if (const auto colon = line.find(": "); colon != std::string::npos)
      fields[line.substr(0, colon)] = line.substr(colon + 2);
  return fields;
}

bool read_number(const std::string& text, std::uint64_t& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

/// Of a version that wrote `generation`, and `copied` where no overlay could be mounted.
result<container_identity> load_old(const std::string& directory) {
  auto content = storage::read_file(directory + "/generation", 4096);
  if (!content) return content.error();
  container_identity who;
  if (!read_number(*content, who.generation))
    return fail(errc::corrupt, directory + "/generation is damaged");
  if (::access((directory + "/copied").c_str(), F_OK) == 0) who.how = layout::copy;
  return who;
}

/// Fields of /proc/PID/stat from the third on: state, parent, ...
std::vector<std::string> stat_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  const auto name_end = line.rfind(')');
  std::vector<std::string> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(line.substr(name_end + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

std::string boot_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(in, id);
  return id;
}

process_mark mark_in(const std::string& text) {
  process_mark m;
  std::istringstream(text) >> m.pid >> m.since;
  return m;
}

std::string text_of(const process_mark& m) { return std::to_string(m.pid) + " " + m.since; }

}  // namespace

result<container_identity> load_container_identity(const std::string& directory) {
  auto content = storage::read_file(directory + identity_name, 4096);
  if (!content)
    return content.error().code == errc::not_found ? load_old(directory) : content.error();
  auto fields = fields_of(*content);
  container_identity who;
  who.cluster = fields["cluster"];
  who.instance = fields["instance"];
  const auto& how = fields["layout"];
  if (who.cluster.empty() || who.instance.empty() ||
      !read_number(fields["generation"], who.generation) || (how != "overlay" && how != "copy"))
    return fail(errc::corrupt, directory + identity_name + " is damaged");
  who.how = how == "copy" ? layout::copy : layout::overlay;
  return who;
}

status store_container_identity(const std::string& directory, const container_identity& who) {
  return storage::write_file_durably(
      directory + identity_name, "cluster: " + who.cluster + "\ninstance: " + who.instance +
                                     "\ngeneration: " + std::to_string(who.generation) +
                                     "\nlayout: " + (who.how == layout::copy ? "copy" : "overlay") +
                                     "\n");
}

status check_container_identity(const container_identity& who, const container& c) {
  const auto directory = container_directory(c.data_dir, c.id);
  const bool is_known = !who.cluster.empty();
  if (is_known && (who.cluster != c.cluster || who.instance != c.uuid))
    return fail(errc::refused, "its files are not on this member: " + directory +
                                   " holds those of instance " + who.instance + " of cluster " +
                                   who.cluster);
  if (who.generation != c.generation)
    return fail(errc::refused, "its files are not on this member: " + directory +
                                   " holds those of generation " + std::to_string(who.generation) +
                                   ", before it went to another member; " +
                                   std::to_string(c.generation) + " is wanted");
  return ok();
}

bool is_of_another(const container& c) {
  const auto who = load_container_identity(container_directory(c.data_dir, c.id));
  return who && !who->cluster.empty() &&
         (who->cluster != c.cluster || (!c.uuid.empty() && who->instance != c.uuid));
}

std::optional<process_mark> mark_of(pid_t pid) {
  const auto fields = stat_of(pid);
  if (pid <= 0 || fields.size() < 20 || fields[0] == "Z" || fields[0] == "X") return std::nullopt;
  return process_mark{pid, fields[19]};
}

pid_t parent_of(pid_t pid) {
  const auto fields = stat_of(pid);
  return fields.size() < 2 ? 0 : static_cast<pid_t>(std::atoi(fields[1].c_str()));
}

bool is_alive(const process_mark& what) {
  const auto now = mark_of(what.pid);
  return now && now->since == what.since;
}

void begin_kill(const process_mark& what, int signal_number) {
  const storage::descriptor held(static_cast<int>(::syscall(SYS_pidfd_open, what.pid, 0)));
  if (held.fd >= 0 && is_alive(what))
    ::syscall(SYS_pidfd_send_signal, held.fd, signal_number, nullptr, 0);
}

bool wait_until_ended(const process_mark& what, int timeout_ms) {
  const storage::descriptor held(static_cast<int>(::syscall(SYS_pidfd_open, what.pid, 0)));
  if (held.fd < 0 || !is_alive(what)) return !is_alive(what);
  pollfd p{held.fd, POLLIN, 0};
  ::poll(&p, 1, timeout_ms);
  return !is_alive(what);
}

std::optional<run_mark> load_run_mark(const std::string& directory) {
  auto content = storage::read_file(directory + run_name, 4096);
  if (!content) return std::nullopt;
  auto fields = fields_of(*content);
  if (fields["boot"] != boot_id()) return std::nullopt;
  return run_mark{mark_in(fields["init"]), mark_in(fields["monitor"])};
}

status store_run_mark(const std::string& directory, pid_t init) {
  const auto first = mark_of(init);
  const auto monitor = mark_of(parent_of(init));
  if (!first || !monitor) return fail(errc::refused, "it has ended at once");
  return storage::write_file_durably(directory + run_name,
                                     "boot: " + boot_id() + "\ninit: " + text_of(*first) +
                                         "\nmonitor: " + text_of(*monitor) + "\n");
}

void forget_run_mark(const std::string& directory) { ::unlink((directory + run_name).c_str()); }

life life_of(const run_mark& what) {
  if (!is_alive(what.init)) return life::ended;
  return is_alive(what.monitor) ? life::running : life::orphaned;
}

result<container_lock> container_lock::take(const std::string& directory, when_held what) {
  const auto path = directory + lock_name;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail(errno == ENOENT ? errc::not_found : errc::refused,
                "cannot lock " + path + ": " + std::strerror(errno));
  container_lock lock(fd);
  while (::flock(fd, LOCK_EX | (what == when_held::refuse ? LOCK_NB : 0)) != 0)
    if (errno != EINTR)
      return fail(errno == EWOULDBLOCK ? errc::busy : errc::refused,
                  "cannot lock " + path + ": " + std::strerror(errno));
  struct stat held {};
  struct stat there {};
  if (::fstat(fd, &held) != 0 || ::stat(path.c_str(), &there) != 0 || held.st_ino != there.st_ino ||
      held.st_dev != there.st_dev)
    return fail(errc::not_found, directory + " has gone while it was waited for");
  return lock;
}

container_lock::~container_lock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace muster::instances
