#include "actors/instances/lxc/mounts.hpp"

#include "storage/disk/descriptor.hpp"
#include "storage/identity.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sstream>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::instances {

namespace {

failure system_failure(const std::string& what) {
  return fail(errc::refused, what + ": " + std::strerror(errno));
}

id_range range_in(const std::string& file, const std::string& user) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string name;
    char colon = 0;
    id_range r;
    std::getline(fields, name, ':');
    if (name == user && fields >> r.base >> colon >> r.count) return r;
  }
  return {};
}

bool write_map(pid_t of, const char* file, const id_range& ids) {
  std::ofstream map("/proc/" + std::to_string(of) + "/" + file);
  map << "0 " << ids.base << " " << ids.count << "\n";
  map.flush();
  return map.good();
}

/// A user namespace with that mapping, held by its descriptor.
result<int> make_user_namespace(const id_range& ids) {
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return system_failure("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    const char done = ::unshare(CLONE_NEWUSER) == 0 ? 1 : 0;
    (void)!::write(ready[1], &done, 1);
    ::pause();
    ::_exit(0);
  }
  char done = 0;
  (void)!::read(ready[0], &done, 1);
  int fd = -1;
  if (done && write_map(child, "uid_map", ids) && write_map(child, "gid_map", ids))
    fd = ::open(("/proc/" + std::to_string(child) + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  if (fd < 0) return system_failure("no user namespace could be made");
  return fd;
}

/// Binds `from` at `to`, owners shifted by the namespace's mapping: the image is not copied for it.
status bind_idmapped(const std::string& from, const std::string& to, int user_namespace) {
  const int tree = static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, from.c_str(),
                                              OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (tree < 0) return system_failure("open_tree");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<unsigned>(user_namespace);
  status bound = ok();
  if (::syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                sizeof attributes) != 0)
    bound = system_failure("mount_setattr");
  else if (::syscall(SYS_move_mount, tree, "", AT_FDCWD, to.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    bound = system_failure("move_mount");
  ::close(tree);
  return bound;
}

status mount_overlay(const std::string& lower, const std::string& directory) {
  const std::string options =
      "lowerdir=" + lower + ",upperdir=" + directory + "/upper,workdir=" + directory + "/work";
  if (::mount("overlay", (directory + "/rootfs").c_str(), "overlay", 0, options.c_str()) != 0)
    return system_failure("overlay");
  return ok();
}

status mount_shifted(const std::string& lower, const std::string& directory, const id_range& ids) {
  auto space = make_user_namespace(ids);
  if (!space) return space.error();
  const auto shifted = directory + "/lower";
  ::mkdir(shifted.c_str(), 0755);
  auto mounted = bind_idmapped(lower, shifted, *space);
  ::close(*space);
  if (!mounted) return mounted;
  mounted = mount_overlay(shifted, directory);
  ::umount2(shifted.c_str(), MNT_DETACH);
  return mounted;
}

}  // namespace

result<id_range> granted_range(const std::string& user) {
  const auto uids = range_in("/etc/subuid", user);
  const auto gids = range_in("/etc/subgid", user);
  if (uids.count >= 65536 && uids.base == gids.base && gids.count >= 65536)
    return id_range{uids.base, 65536};
  return fail(
      errc::refused,
      "no user ids are set aside for unprivileged containers: add the line \"" + user +
          ":1000000:65536\" to /etc/subuid and /etc/subgid, or set security.privileged=true");
}

status mount_rootfs(const std::string& lower, const std::string& directory, const id_range& ids) {
  unmount_rootfs(directory);
  for (const char* part : {"/rootfs", "/upper", "/work"})
    if (::mkdir((directory + part).c_str(), 0755) != 0 && errno != EEXIST)
      return system_failure("cannot make " + directory + part);
  if (ids.count != 0 && ::chown((directory + "/upper").c_str(), ids.base, ids.base) != 0)
    return system_failure("chown");
  auto mounted =
      ids.count != 0 ? mount_shifted(lower, directory, ids) : mount_overlay(lower, directory);
  if (mounted) return mounted;
  return fail(errc::refused, "its root file system cannot be mounted: " + mounted.error().detail);
}

status shift_owners(const std::string& place, const id_range& ids) {
  auto space = make_user_namespace(ids);
  if (!space) return space.error();
  const storage::descriptor held(*space);
  return bind_idmapped(place, place, held.fd);
}

status enter_ids(const id_range& ids) {
  auto space = make_user_namespace(ids);
  if (!space) return space.error();
  const storage::descriptor held(*space);
  if (::setns(held.fd, CLONE_NEWUSER) != 0 || ::setgroups(0, nullptr) != 0 ||
      ::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0)
    return system_failure("the user namespace cannot be entered");
  return ok();
}

void unmount_rootfs(const std::string& directory) {
  while (::umount2((directory + "/rootfs").c_str(), MNT_DETACH) == 0) {
  }
}

result<bool> try_overlay(const std::string& scratch, const id_range& ids) {
  namespace fs = std::filesystem;
  std::error_code failed;
  unmount_rootfs(scratch);
  fs::remove_all(scratch, failed);
  fs::create_directories(scratch + "/image", failed);
  if (failed) return fail(errc::refused, "cannot make " + scratch + ": " + failed.message());
  errno = 0;
  auto mounted = mount_rootfs(scratch + "/image", scratch, ids);
  const int code = errno;
  unmount_rootfs(scratch);
  fs::remove_all(scratch, failed);
  if (mounted) return true;
  for (const int never : {EINVAL, ENODEV, EOPNOTSUPP, ENOSYS, EPERM})
    if (code == never) return false;
  return mounted.error();
}

/// With `cp`, which keeps everything a root file system can hold.
status copy_image(const std::string& lower, const std::string& directory) {
  const auto place = directory + "/rootfs";
  const auto unfinished = directory + "/rootfs.new";
  if (::access(place.c_str(), F_OK) == 0) return ok();
  std::error_code failed;
  std::filesystem::remove_all(unfinished, failed);
  if (::mkdir(unfinished.c_str(), 0755) != 0) return system_failure("cannot make " + unfinished);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execlp("cp", "cp", "-a", "--reflink=auto", (lower + "/.").c_str(), (unfinished + "/").c_str(),
             nullptr);
    ::_exit(127);
  }
  int state = 0;
  if (::waitpid(child, &state, 0) != child || !WIFEXITED(state) || WEXITSTATUS(state) != 0)
    return fail(errc::refused, "the image could not be copied to " + unfinished);
  const storage::descriptor copy(::open(unfinished.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (copy.fd < 0 || ::syncfs(copy.fd) != 0) return system_failure("cannot sync " + unfinished);
  if (::rename(unfinished.c_str(), place.c_str()) != 0)
    return system_failure("cannot make " + place);
  return storage::sync_directory(directory);
}

}  // namespace muster::instances
