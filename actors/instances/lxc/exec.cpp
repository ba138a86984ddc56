#include "actors/instances/lxc/exec.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

namespace muster::instances {

namespace {

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

/// The child's ends; closed here once it has them.
struct child_ends {
  int in = -1;
  int out = -1;
  int err = -1;
  ~child_ends() {
    if (out == in) out = -1;
    if (err == in) err = -1;
    close_fd(in);
    close_fd(out);
    close_fd(err);
  }
};

bool make_pipe(int& read_end, int& write_end, bool is_ours_read) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  read_end = ends[0];
  write_end = ends[1];
  ::fcntl(is_ours_read ? read_end : write_end, F_SETFL, O_NONBLOCK);
  return true;
}

/// The container says what lies below its root: neither a link nor another device is followed.
int open_ptmx(int root) {
  open_how how{};
  how.flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  // A look first: to open some devices is to use them.
  open_how look = how;
  look.flags = O_PATH | O_CLOEXEC;
  const auto open = [&](open_how& by) {
    return static_cast<int>(::syscall(SYS_openat2, root, "dev/pts/ptmx", &by, sizeof by));
  };
  const auto is_ptmx = [](int fd) {
    struct stat node {};
    struct statfs on {};
    return ::fstat(fd, &node) == 0 && S_ISCHR(node.st_mode) && node.st_rdev == makedev(5, 2) &&
           ::fstatfs(fd, &on) == 0 && on.f_type == DEVPTS_SUPER_MAGIC;
  };
  int seen = open(look);
  const bool is_good = seen >= 0 && is_ptmx(seen);
  close_fd(seen);
  if (!is_good) return -1;
  int fd = open(how);
  if (fd >= 0 && !is_ptmx(fd)) close_fd(fd);
  return fd;
}

/// A terminal of the container's own, so that programs in it find its name; none if this user may
/// not.
bool open_inner_terminal(exec_process& p, child_ends& child, pid_t init) {
  int root =
      ::open(("/proc/" + std::to_string(init) + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return false;
  struct stat inner_root {};
  const bool has_owner = ::fstat(root, &inner_root) == 0;
  p.out = open_ptmx(root);
  close_fd(root);
  if (p.out < 0) return false;
  int locked = 0;
  ::ioctl(p.out, TIOCSPTLCK, &locked);
  child.in = ::ioctl(p.out, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (child.in >= 0 && has_owner) (void)!::fchown(child.in, inner_root.st_uid, inner_root.st_gid);
  if (child.in < 0) close_fd(p.out);
  return child.in >= 0;
}

bool open_outer_terminal(exec_process& p, child_ends& child) {
  p.out = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  char name[64] = "";
  if (p.out < 0 || ::grantpt(p.out) != 0 || ::unlockpt(p.out) != 0 ||
      ::ptsname_r(p.out, name, sizeof name) != 0)
    return false;
  child.in = ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  return child.in >= 0;
}

bool make_terminal(exec_process& p, child_ends& child, pid_t init, unsigned columns,
                   unsigned rows) {
  if (!open_inner_terminal(p, child, init) && !open_outer_terminal(p, child)) return false;
  child.out = child.err = child.in;
  p.in = ::fcntl(p.out, F_DUPFD_CLOEXEC, 3);
  ::fcntl(p.out, F_SETFL, O_NONBLOCK);
  if (columns != 0 && rows != 0) p.resize(columns, rows);
  return p.in >= 0;
}

}  // namespace

exec_process& exec_process::operator=(exec_process&& other) noexcept {
  close_all();
  helper = std::exchange(other.helper, 0);
  in = std::exchange(other.in, -1);
  out = std::exchange(other.out, -1);
  err = std::exchange(other.err, -1);
  exited = std::exchange(other.exited, -1);
  return *this;
}

void exec_process::close_in() { close_fd(in); }

void exec_process::close_all() {
  close_fd(in);
  close_fd(out);
  close_fd(err);
  close_fd(exited);
}

void exec_process::resize(unsigned columns, unsigned rows) const {
  winsize size{};
  size.ws_col = static_cast<unsigned short>(columns);
  size.ws_row = static_cast<unsigned short>(rows);
  ::ioctl(out, TIOCSWINSZ, &size);
}

void exec_process::signal(int number) const {
  sigval value{};
  value.sival_int = number;
  if (number > 0 && number < NSIG) ::sigqueue(helper, SIGRTMIN, value);
}

result<exec_process> begin_exec(const lxc_driver& driver, const container& c, const exec_wish& what,
                                unsigned columns, unsigned rows) {
  exec_process p;
  child_ends child;
  const bool made = what.with_terminal
                        ? make_terminal(p, child, driver.pid_of(c.id), columns, rows)
                        : make_pipe(child.in, p.in, false) && make_pipe(p.out, child.out, true) &&
                              make_pipe(p.err, child.err, true);
  if (!made) return fail(errc::unavailable, "no pipe or terminal could be made");
  auto helper = driver.exec(c, what, {child.in, child.out, child.err});
  if (!helper) return helper.error();
  p.helper = *helper;
  p.exited = static_cast<int>(::syscall(SYS_pidfd_open, p.helper, 0));
  return p;
}

}  // namespace muster::instances
