#include "actors/instances/lxc/mounts.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
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

/// With `cp`, which keeps everything a root file system can hold.
status copy_image(const std::string& lower, const std::string& directory) {
  const auto mark = directory + "/copied";
  if (::access(mark.c_str(), F_OK) == 0) return ok();
  const pid_t child = ::fork();
  if (child == 0) {
    ::execlp("cp", "cp", "-a", "--reflink=auto", (lower + "/.").c_str(),
             (directory + "/rootfs/").c_str(), nullptr);
    ::_exit(127);
  }
  int state = 0;
  ::waitpid(child, &state, 0);
  if (!WIFEXITED(state) || WEXITSTATUS(state) != 0)
    return fail(errc::refused, "the image could not be copied");
  const int fd = ::open(mark.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  return ok();
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
  const bool was_copied = ::access((directory + "/copied").c_str(), F_OK) == 0;
  auto mounted = was_copied       ? copy_image(lower, directory)
                 : ids.count != 0 ? mount_shifted(lower, directory, ids)
                                  : mount_overlay(lower, directory);
  return mounted ? mounted : copy_image(lower, directory);
}

void unmount_rootfs(const std::string& directory) {
  while (::umount2((directory + "/rootfs").c_str(), MNT_DETACH) == 0) {
  }
}

}  // namespace muster::instances
