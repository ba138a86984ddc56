#include "actors/instances/lxc/lxc_config.hpp"

#include "actors/instances/lxc/cgroups.hpp"
#include "actors/instances/lxc/mounts.hpp"
#include "schemas/basic/units.hpp"
#include "storage/disk/folder_modes.hpp"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace muster::instances {

namespace {

constexpr const char* common = "/usr/share/lxc/config/common.conf";
constexpr const char* unprivileged = "/usr/share/lxc/config/userns.conf";

/// Sets items one after the other; remembers the first that was refused.
class items {
public:
  explicit items(lxc_container* lxc) : lxc_(lxc) {}
  void set(const std::string& key, const std::string& value) {
    if (!refused_.empty()) return;
    if (!lxc_->set_config_item(lxc_, key.c_str(), value.c_str())) refused_ = key + " = " + value;
  }
  /// For keys only one of the two cgroup versions knows.
  void try_set(const std::string& key, const std::string& value) {
    lxc_->set_config_item(lxc_, key.c_str(), value.c_str());
  }
  [[nodiscard]] status result() const {
    return refused_.empty() ? ok() : status(fail(errc::refused, "liblxc refuses " + refused_));
  }

private:
  lxc_container* lxc_;
  std::string refused_;
};

void set_limits(items& to, const string_map& config) {
  const auto value = [&](const char* key) {
    const auto at = config.find(key);
    return at == config.end() ? std::string{} : at->second;
  };
  if (const auto memory = units::bytes_or_percent(value("limits.memory"), memory_total_bytes())) {
    to.try_set("lxc.cgroup.memory.limit_in_bytes", std::to_string(*memory));
    to.try_set("lxc.cgroup2.memory.max", std::to_string(*memory));
  }
  if (const auto cpus = units::number(value("limits.cpu"), 4096); cpus && *cpus != 0) {
    const auto quota = std::to_string(*cpus * 100'000);
    to.try_set("lxc.cgroup.cpu.cfs_quota_us", quota);
    to.try_set("lxc.cgroup2.cpu.max", quota + " 100000");
  }
  if (const auto count = value("limits.processes"); units::number(count)) {
    to.try_set("lxc.cgroup.pids.max", count);
    to.try_set("lxc.cgroup2.pids.max", count);
  }
}

std::string lower_of(const container& c) {
  return unpacked_directory(c.data_dir, pool_of(c.data_dir, c.id), c.image) + "/rootfs";
}

void set_cgroups(items& to, const container& c) {
  const auto tree = cgroup_tree(c.data_dir, c.id);
  to.set("lxc.cgroup.dir.container", tree + "/container");
  to.set("lxc.cgroup.dir.monitor", tree + "/monitor");
  to.set("lxc.cgroup.dir.monitor.pivot", "muster/pivot");
}

void set_ids(items& to, unsigned base, unsigned count) {
  to.set("lxc.include", unprivileged);
  const auto range = " 0 " + std::to_string(base) + " " + std::to_string(count);
  to.set("lxc.idmap", "u" + range);
  to.set("lxc.idmap", "g" + range);
}

/// The container's users are others here: they must be able to pass through every folder above.
status check_passage(const std::string& directory) {
  std::error_code ignored;
  for (auto p = std::filesystem::weakly_canonical(directory, ignored).parent_path();
       p != p.root_path(); p = p.parent_path()) {
    struct stat s {};
    if (::stat(p.c_str(), &s) == 0 && !(s.st_mode & S_IXOTH))
      return fail(errc::refused, "unprivileged containers cannot pass through " + p.string() +
                                     ": allow it with chmod o+x " + p.string());
  }
  return ok();
}

status set_rootfs_as_root(items& to, const container& c, layout how) {
  const auto directory = container_directory(c.data_dir, c.id);
  auto ids = ids_of(c);
  if (!ids) return ids.error();
  if (ids->count != 0) {
    if (auto open = check_passage(directory); !open) return open;
    set_ids(to, ids->base, ids->count);
  }
  if (auto there = lay_out(c, how, *ids); !there) return there;
  to.set("lxc.rootfs.path", "dir:" + directory + "/rootfs");
  if (ids->count != 0 && how == layout::copy) to.set("lxc.rootfs.options", "idmap=container");
  set_cgroups(to, c);
  return ok();
}

/// As an ordinary user: one id, and liblxc mounts the overlay inside the user namespace.
status set_rootfs_as_user(items& to, const container& c) {
  const auto directory = container_directory(c.data_dir, c.id);
  to.set("lxc.include", unprivileged);
  to.set("lxc.idmap", "u 0 " + std::to_string(::geteuid()) + " 1");
  to.set("lxc.idmap", "g 0 " + std::to_string(::getegid()) + " 1");
  ::mkdir((directory + "/upper").c_str(), 0755);
  to.set("lxc.rootfs.path", "overlay:" + lower_of(c) + ":" + directory + "/upper");
  return ok();
}

status set_nics(items& to, const container& c) {
  if (c.nics.empty()) {
    to.set("lxc.net.0.type", "empty");
    return ok();
  }
  if (::geteuid() != 0)
    return fail(errc::refused, "network devices need root: this server runs as an ordinary user");
  for (std::size_t i = 0; i < c.nics.size(); ++i) {
    const auto& n = c.nics[i];
    const auto key = "lxc.net." + std::to_string(i) + ".";
    to.set(key + "type", n.type);
    if (!n.link.empty()) to.set(key + "link", n.link);
    to.set(key + "name", n.name);
    to.set(key + "flags", "up");
    if (n.type == "macvlan") to.set(key + "macvlan.mode", "bridge");
    if (n.type != "phys") to.set(key + "hwaddr", n.hwaddr);
  }
  return ok();
}

}  // namespace

result<id_range> ids_of(const container& c) {
  const auto at = c.config.find("security.privileged");
  if (at != c.config.end() && units::is_true(at->second)) return id_range{};
  return granted_range("root");
}

status lay_out(const container& c, layout how, const id_range& ids) {
  const auto directory = container_directory(c.data_dir, c.id);
  storage::close_container(directory, ids.base);
  if (how == layout::overlay) return mount_rootfs(lower_of(c), directory, ids);
  if (::access((directory + "/rootfs").c_str(), F_OK) == 0) return ok();
  return fail(errc::refused, "its files are not on this member: " + directory +
                                 " holds no rootfs, and it was copied there at its creation");
}

status configure(lxc_container* lxc, const container& c, layout how) {
  const auto directory = container_directory(c.data_dir, c.id);
  if (::access(common, R_OK) != 0)
    return fail(errc::refused, "liblxc's files are missing: install the Debian package lxc");
  lxc->clear_config(lxc);
  items to(lxc);
  to.set("lxc.include", common);
  auto rooted = ::geteuid() == 0 ? set_rootfs_as_root(to, c, how) : set_rootfs_as_user(to, c);
  if (!rooted) return rooted;
  utsname u{};
  ::uname(&u);
  to.set("lxc.arch", u.machine);
  to.set("lxc.uts.name", c.host_name);
  if (auto set = set_nics(to, c); !set) return set;
  to.set("lxc.log.file", directory + "/lxc.log");
  to.set("lxc.log.level", "WARN");
  to.set("lxc.console.buffer.size", "128KB");
  to.set("lxc.console.logfile", directory + "/console.log");
  to.set("lxc.console.size", "128KB");  // then the file begins anew
  set_limits(to, c.config);
  if (auto set = to.result(); !set) return set;
  if (!lxc->save_config(lxc, nullptr))
    return fail(errc::refused, "the container's configuration cannot be written");
  // Not in the file: whoever opens the container later would parse it again.
  for (const auto& [key, value] : c.config)
    if (key.starts_with("environment.")) to.set("lxc.environment", key.substr(12) + "=" + value);
  return to.result();
}

std::string first_lxc_error(const container& c) {
  std::ifstream log(container_directory(c.data_dir, c.id) + "/lxc.log");
  std::string line;
  std::string first;
  while (std::getline(log, line) && first.empty())
    if (const auto at = line.find(" ERROR "); at != std::string::npos) first = line.substr(at + 7);
  const auto text = first.find(" - ");
  if (text != std::string::npos) return first.substr(text + 3);
  return first.empty() ? "no reason was logged" : first;
}

result<layout> possible_layout(const container& c) {
  if (::geteuid() != 0) return layout::overlay;  // liblxc mounts it, in the user's namespace
  const auto place = std::filesystem::path(container_directory(c.data_dir, c.id));
  std::error_code failed;
  const auto real = std::filesystem::canonical(place, failed);
  if (failed) return fail(errc::refused, place.string() + ": " + failed.message());
  const auto ids = granted_range("root");
  auto can = try_overlay(real.parent_path().string() + "/.probe", ids ? *ids : id_range{});
  if (!can) return can.error();
  return *can ? layout::overlay : layout::copy;
}

status copy_files(const container& c) {
  return copy_image(lower_of(c), container_directory(c.data_dir, c.id));
}

}  // namespace muster::instances
