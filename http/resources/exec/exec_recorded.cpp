#include "http/resources/exec/exec_recorded.hpp"

#include "actors/instances/lxc/exec.hpp"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::http {

namespace {

/// A file that takes so much and no more.
class recording {
public:
  explicit recording(const std::string& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) {}
  ~recording() {
    if (fd_ >= 0) ::close(fd_);
  }
  recording(const recording&) = delete;
  recording& operator=(const recording&) = delete;
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void take(std::string_view bytes) {
    bytes = bytes.substr(0, std::min(bytes.size(), exec_recorded_bytes_max - taken_));
    taken_ += bytes.size();
    while (!bytes.empty()) {
      const auto n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno != EINTR) return;  // a full disk ends no command
      bytes.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
    }
  }

private:
  int fd_;
  std::size_t taken_ = 0;
};

/// False: nothing more comes; the descriptor is closed.
bool carry(int& from, recording& to) {
  char part[65536];
  const auto n = ::read(from, part, sizeof part);
  if (n > 0) to.take({part, static_cast<std::size_t>(n)});
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return true;
  ::close(from);
  from = -1;
  return false;
}

}  // namespace

result<int> exec_recorded(const instances::lxc_driver& driver, const instances::container& c,
                          const instances::exec_wish& what, const std::string& directory,
                          const std::vector<std::string>& files) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  ::chmod(directory.c_str(), 0700);
  recording out(directory + "/" + files[0]);
  recording err(directory + "/" + files[1]);
  if (!out.is_open() || !err.is_open())
    return fail(errc::refused, "the output of the command cannot be kept");
  auto p = instances::begin_exec(driver, c, what, 0, 0);
  if (!p) return p.error();
  p->close_in();
  // Who is left behind may keep the output open: the end of the command is the end.
  constexpr auto rest_time_max = std::chrono::seconds(2);
  auto ends_by = std::chrono::steady_clock::time_point::max();
  for (bool has_ended = false; std::chrono::steady_clock::now() < ends_by;) {
    pollfd fds[3] = {
        {p->out, POLLIN, 0}, {p->err, POLLIN, 0}, {has_ended ? -1 : p->exited, POLLIN, 0}};
    ::poll(fds, 3, has_ended ? 0 : -1);
    if (fds[2].revents) {
      has_ended = true;
      ends_by = std::chrono::steady_clock::now() + rest_time_max;
    }
    bool heard = false;
    if (fds[0].revents) heard = carry(p->out, out);
    if (fds[1].revents) heard = carry(p->err, err) || heard;
    if (has_ended && !fds[2].revents && !heard) break;
  }
  return instances::wait_for_end(p->helper);
}

}  // namespace muster::http
