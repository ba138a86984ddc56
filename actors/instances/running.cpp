#include "actors/instances/running.hpp"

#include "actors/instances/lxc/cgroups.hpp"
#include "storage/identity.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <sstream>

namespace muster::instances {

namespace fs = std::filesystem;

namespace {

constexpr int patience_ms = 10'000;
constexpr std::string_view title = "[lxc monitor] ";

object_id id_of(const std::string& name) {
  object_id id;
  if (name.starts_with('i')) std::from_chars(name.data() + 1, name.data() + name.size(), id.value);
  return id;
}

void add_marked(std::vector<running_container>& all, const fs::path& containers) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(containers, ignored))
    if (const auto run = load_run_mark(entry.path().string()); run && life_of(*run) != life::ended)
      all.push_back({entry.path().filename().string(), run->init, run->monitor});
}

/// First process that it has started.
process_mark child_of(pid_t parent) {
  const auto task = "/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent);
  std::ifstream in(task + "/children");
  pid_t child = 0;
  in >> child;
  return mark_of(child).value_or(process_mark{});
}

/// Started by a version that writes no `run`, or whose helper was killed before it did.
void add_titled(std::vector<running_container>& all, const fs::path& containers) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    pid_t pid = 0;
    std::from_chars(name.data(), name.data() + name.size(), pid);
    if (pid == 0) continue;
    auto read = storage::read_file(entry.path().string() + "/cmdline");  // it may end meanwhile
    if (!read) continue;
    auto line = *std::move(read);
    while (line.ends_with('\0') || line.ends_with(' ')) line.pop_back();
    const auto space = line.rfind(' ');
    if (!line.starts_with(title) || space <= title.size()) continue;
    const auto place = line.substr(title.size(), space - title.size());
    const auto known = [pid](const running_container& r) { return r.monitor.pid == pid; };
    if (!fs::equivalent(place, containers, ignored) || std::any_of(all.begin(), all.end(), known))
      continue;
    if (const auto monitor = mark_of(pid))
      all.push_back({line.substr(space + 1), child_of(pid), *monitor});
  }
}

}  // namespace

std::vector<running_container> running_in(const std::string& data_dir) {
  std::vector<running_container> all;
  for (const char* where : {"", "/before-reset"}) {
    const fs::path containers = containers_directory(data_dir + where);
    add_marked(all, containers);
    add_titled(all, containers);
  }
  return all;
}

std::string names_of(const std::vector<running_container>& all) {
  std::string names;
  for (const auto& r : all)
    names += (names.empty() ? "" : ", ") + r.name + " (process " + std::to_string(r.init.pid) + ")";
  return names;
}

status end_running(const std::string& data_dir, const std::vector<running_container>& all) {
  for (const auto& r : all) {
    thaw(data_dir, id_of(r.name));
    begin_kill(r.init, SIGPWR);
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
  for (const auto& r : all) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (!wait_until_ended(r.init, std::max(0, static_cast<int>(left.count())))) {
      begin_kill(r.init, SIGKILL);
      if (!wait_until_ended(r.init, patience_ms))
        return fail(errc::refused,
                    "container " + r.name + " does not end: process " + std::to_string(r.init.pid));
    }
    if (wait_until_ended(r.monitor, patience_ms)) continue;
    begin_kill(r.monitor, SIGKILL);
    if (!wait_until_ended(r.monitor, patience_ms))
      return fail(errc::refused, "the monitor of container " + r.name + " does not end: process " +
                                     std::to_string(r.monitor.pid));
  }
  for (const auto& r : all) remove_cgroups(data_dir, id_of(r.name));
  return ok();
}

}  // namespace muster::instances
