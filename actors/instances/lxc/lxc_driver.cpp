#include "actors/instances/lxc/lxc_driver.hpp"

#include "actors/instances/lxc/lxc_config.hpp"
#include "storage/identity.hpp"
#include "storage/images/image_files.hpp"

#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::instances {

namespace {

using namespace std::chrono_literals;
constexpr auto unpack_time_max = 10min;
constexpr auto start_time_max = 60s;
constexpr auto quick_time_max = 30s;

std::string generation_file(const std::string& data_dir, object_id id) {
  return container_directory(data_dir, id) + "/generation";
}

std::uint64_t number_in(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

lxc_ptr open_container(const std::string& data_dir, object_id id) {
  return lxc_ptr(
      lxc_container_new(container_name(id).c_str(), containers_directory(data_dir).c_str()));
}

/// Field 22 of /proc/PID/stat; empty if there is no such process.
std::string start_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::size_t at = name_end + 1;
  for (int field = 0; field < 19 && at != std::string::npos; ++field) at = line.find(' ', at + 1);
  if (at == std::string::npos) return {};
  return line.substr(at + 1, line.find(' ', at + 1) - at - 1);
}

std::uint64_t boot_ms() {
  std::ifstream in("/proc/stat");
  std::string word;
  while (in >> word)
    if (word == "btime") {
      std::uint64_t seconds = 0;
      in >> seconds;
      return seconds * 1000;
    }
  return 0;
}

/// The first of several cgroup items that is there: the two cgroup versions name them differently.
std::uint64_t cgroup_number(lxc_container* lxc, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    char text[512] = "";
    if (lxc->get_cgroup_item(lxc, name, text, sizeof text - 1) > 0) return number_in(text);
  }
  return 0;
}

}  // namespace

status lxc_driver::run(const std::string& verb, const container& c, std::vector<std::string> more,
                       std::chrono::milliseconds deadline) {
  std::vector<std::string> arguments{helper_word, verb};
  for (auto& a : to_arguments(c)) arguments.push_back(std::move(a));
  for (auto& a : more) arguments.push_back(std::move(a));
  auto ended = run_self(arguments, deadline);
  forget(c.id);
  if (!ended) return ended.error();
  if (ended->code == 0) return ok();
  return fail(errc::refused, ended->text.empty() ? "the container helper ended with code " +
                                                       std::to_string(ended->code)
                                                 : ended->text);
}

status lxc_driver::unpack(const std::string& pool, const std::string& image) {
  const std::lock_guard one_at_a_time(unpack_lock_);
  const auto place = unpacked_directory(data_dir_, pool, image);
  if (::access(place.c_str(), F_OK) == 0) return ok();
  const auto unfinished = unpacked_directory(data_dir_, pool, "." + image);
  std::error_code failed;
  std::filesystem::remove_all(unfinished, failed);
  std::filesystem::create_directories(unfinished, failed);
  if (failed) return fail(errc::refused, "cannot make " + unfinished + ": " + failed.message());
  auto ended = run_self({helper_word, "unpack", storage::image_path(data_dir_, image), unfinished},
                        unpack_time_max);
  if (!ended) return ended.error();
  if (ended->code != 0) return fail(errc::refused, "Failed to unpack the image: " + ended->text);
  if (::access((unfinished + "/rootfs").c_str(), F_OK) != 0)
    return fail(errc::refused, "the image holds no rootfs directory");
  std::filesystem::rename(unfinished, place, failed);
  if (failed) return fail(errc::refused, "cannot make " + place + ": " + failed.message());
  return ok();
}

/// In the default pool the directory itself; else a link to one inside the pool.
status lxc_driver::make_directory(const container& c) const {
  std::error_code failed;
  const auto directory = container_directory(data_dir_, c.id);
  const auto there = pool_directory(data_dir_, c.pool, c.id);
  std::filesystem::create_directories(containers_directory(data_dir_), failed);
  ::chmod(containers_directory(data_dir_).c_str(), 0711);
  const bool is_new = !std::filesystem::is_symlink(directory, failed) &&
                      !std::filesystem::exists(directory, failed);
  if (is_new && c.pool != "default") {
    std::filesystem::create_directories(there, failed);
    if (failed) return fail(errc::refused, "cannot make " + there + ": " + failed.message());
    ::chmod(std::filesystem::path(there).parent_path().c_str(), 0711);
    std::filesystem::create_directory_symlink(there, directory, failed);
  } else if (is_new) {
    std::filesystem::create_directory(directory, failed);
  }
  if (failed) return fail(errc::refused, "cannot make " + directory + ": " + failed.message());
  ::chmod(directory.c_str(), 0711);
  return ok();
}

status lxc_driver::create(const container& c) {
  if (auto made = make_directory(c); !made) return made;
  if (auto unpacked = unpack(pool_of(data_dir_, c.id), c.image); !unpacked) return unpacked;
  return storage::write_file_durably(generation_file(data_dir_, c.id),
                                     std::to_string(c.generation));
}

status lxc_driver::start(const container& c) { return run("start", c, {}, start_time_max); }

status lxc_driver::stop(const container& c, bool force, int timeout_s) {
  return run("stop", c,
             {std::string("option:force=") + (force ? "true" : "false"),
              "option:timeout=" + std::to_string(timeout_s)},
             quick_time_max + std::chrono::seconds(force ? 0 : timeout_s));
}

status lxc_driver::freeze(const container& c, bool on) {
  return run(on ? "freeze" : "unfreeze", c, {}, quick_time_max);
}

status lxc_driver::remove(const container& c) { return run("remove", c, {}, unpack_time_max); }

result<pid_t> lxc_driver::exec(const container& c, const exec_wish& what,
                               const child_io& io) const {
  std::vector<std::string> arguments{helper_word, "exec"};
  for (auto& a : to_arguments(c)) arguments.push_back(std::move(a));
  arguments.push_back("option:uid=" + std::to_string(what.uid));
  arguments.push_back("option:gid=" + std::to_string(what.gid));
  if (!what.cwd.empty()) arguments.push_back("option:cwd=" + what.cwd);
  if (what.with_terminal) arguments.emplace_back("option:terminal=true");
  for (const auto& [key, value] : what.environment)
    arguments.push_back("option:env." + key + "=" + value);
  arguments.emplace_back("--");
  for (const auto& word : what.command) arguments.push_back(word);
  return spawn_self(arguments, io);
}

// --- looking
// --------------------------------------------------------------------------------------

void lxc_driver::forget(object_id id) {
  const std::lock_guard guard(lock_);
  alive_.erase(id);
}

found lxc_driver::look_at(object_id id) {
  found f;
  if (auto text = storage::read_file(generation_file(data_dir_, id)))
    f.generation = number_in(*text);
  {
    const std::lock_guard guard(lock_);
    if (const auto at = alive_.find(id); at != alive_.end()) {
      if (start_of(at->second.pid) == at->second.since) {
        f.is_running = true;
        f.is_frozen = at->second.is_frozen;
        return f;
      }
      alive_.erase(at);
    }
  }
  const auto lxc = open_container(data_dir_, id);
  if (!lxc || !lxc->is_running(lxc.get())) return f;
  alive a;
  a.pid = lxc->init_pid(lxc.get());
  a.since = start_of(a.pid);
  a.is_frozen = std::strcmp(lxc->state(lxc.get()), "FROZEN") == 0;
  f.is_running = a.pid > 0;
  f.is_frozen = a.is_frozen;
  const std::lock_guard guard(lock_);
  if (f.is_running) alive_[id] = a;
  return f;
}

std::map<object_id, found> lxc_driver::observe() {
  std::map<object_id, found> all;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(containers_directory(data_dir_), ignored)) {
    const auto name = entry.path().filename().string();
    if (name.size() < 2 || name[0] != 'i') continue;
    const object_id id{number_in(name.substr(1))};
    if (id && ::access(generation_file(data_dir_, id).c_str(), F_OK) == 0) all[id] = look_at(id);
  }
  return all;
}

pid_t lxc_driver::pid_of(object_id id) const {
  const auto lxc = open_container(data_dir_, id);
  return lxc && lxc->is_running(lxc.get()) ? lxc->init_pid(lxc.get()) : 0;
}

std::optional<usage> lxc_driver::use_of(object_id id) const {
  const auto lxc = open_container(data_dir_, id);
  if (!lxc || !lxc->is_running(lxc.get())) return std::nullopt;
  usage u;
  u.pid = lxc->init_pid(lxc.get());
  const auto ticks_a_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  u.started_ms = boot_ms() + number_in(start_of(u.pid)) * 1000 / ticks_a_second;
  u.memory_bytes = cgroup_number(lxc.get(), {"memory.current", "memory.usage_in_bytes"});
  u.memory_peak_bytes = cgroup_number(lxc.get(), {"memory.peak", "memory.max_usage_in_bytes"});
  u.cpu_ns = cgroup_number(lxc.get(), {"cpuacct.usage"});
  u.processes = cgroup_number(lxc.get(), {"pids.current"});
  return u;
}

void lxc_driver::remove_unpacked(const std::string& image) {
  std::error_code ignored;
  for (const auto& pool :
       std::filesystem::directory_iterator(data_dir_ + "/storage-pools", ignored))
    std::filesystem::remove_all(
        unpacked_directory(data_dir_, pool.path().filename().string(), image), ignored);
}

}  // namespace muster::instances
