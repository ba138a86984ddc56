#include "actors/instances/lxc/cgroups.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace muster::instances {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;
constexpr const char* root = "/sys/fs/cgroup";
/// A group is busy for a moment after its last process has ended.
constexpr auto removed_within = 2s;
constexpr auto look_every = 10ms;

/// The tree in each hierarchy that has it.
std::vector<fs::path> places_of(const std::string& tree) {
  std::vector<fs::path> all;
  std::error_code ignored;
  if (fs::is_directory(fs::path(root) / tree, ignored)) all.push_back(fs::path(root) / tree);
  for (const auto& hierarchy : fs::directory_iterator(root, ignored)) {
    const auto place = hierarchy.path() / tree;
    if (!hierarchy.is_symlink(ignored) && fs::is_directory(place, ignored)) all.push_back(place);
  }
  return all;
}

/// A start that has failed leaves the process that tried in the monitor's group.
void leave(const fs::path& place, const std::string& tree) {
  std::ifstream in(place / "monitor/cgroup.procs");
  for (pid_t pid = 0; in >> pid;)
    if (pid == ::getpid()) {
      const auto whole = place.string();
      std::ofstream(whole.substr(0, whole.size() - tree.size()) + "cgroup.procs")
          << pid << std::flush;
      return;
    }
}

/// From the inside out. @returns whether it is gone.
bool remove_tree(const fs::path& place) {
  std::error_code failed;
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(place, failed))
    if (entry.is_directory(failed) && !entry.is_symlink(failed)) inside.push_back(entry.path());
  bool is_empty = true;
  for (const auto& child : inside) is_empty = remove_tree(child) && is_empty;
  return is_empty && (::rmdir(place.c_str()) == 0 || !fs::exists(place, failed));
}

}  // namespace

std::string cgroup_tree(const std::string& data_dir, object_id id) {
  constexpr std::size_t name_bytes_max = 200;
  std::string name = data_dir;
  std::replace(name.begin(), name.end(), '/', '-');
  if (name.size() > name_bytes_max)
    name = name.substr(name.size() - name_bytes_max) +
           std::to_string(std::hash<std::string>{}(data_dir));
  return "muster/" + name + "/" + container_name(id);
}

void remove_cgroups(const std::string& data_dir, object_id id) {
  const auto end = std::chrono::steady_clock::now() + removed_within;
  const auto tree = cgroup_tree(data_dir, id);
  for (const auto& place : places_of(tree)) {
    leave(place, tree);
    while (!remove_tree(place) && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(look_every);
  }
}

void thaw(const std::string& data_dir, object_id id) {
  for (const auto& place : places_of(cgroup_tree(data_dir, id))) {
    std::ofstream(place / "container/freezer.state") << "THAWED" << std::flush;
    std::ofstream(place / "container/cgroup.freeze") << "0" << std::flush;
  }
}

std::uint64_t cpu_ns_in(const std::string& cpu_stat) {
  std::istringstream words(cpu_stat);
  std::string name;
  std::uint64_t value = 0;
  while (words >> name >> value)
    if (name == "usage_usec") return value * 1000;
  return 0;
}

std::uint64_t memory_total_bytes() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace muster::instances
