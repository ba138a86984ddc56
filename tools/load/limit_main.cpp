#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

/// muster-limit DIR VALUE_BYTES [nosync]: what this machine can do at best. Three processes keep a
/// log: the leader writes and syncs what has gathered while the two followers do the same, and a
/// client hears once two of three have it. No terms, no state, no TLS. Prints port and process ids,
/// ends with its standard input.
namespace {

constexpr std::size_t log_bytes = 64U << 20U, head_bytes = 16, answer_bytes = 8;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

int listen_on(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(fd, 1024) != 0)
    give_up("listen");
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  port = ntohs(at.sin_port);
  return fd;
}

int without_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int dial(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) give_up("connect");
  return without_delay(fd);
}

void write_all(int fd, const char* from, std::size_t size) {
  while (size > 0) {
    const auto n = ::send(fd, from, size, MSG_NOSIGNAL);
    if (n <= 0) return;
    from += n;
    size -= static_cast<std::size_t>(n);
  }
}

/// Written over in place once full: its blocks are there from the start.
class log_file {
public:
  log_file(const std::string& path, bool sync)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)), sync_(sync) {
    if (fd_ < 0) give_up(path.c_str());
    const std::string zeros(1U << 20U, '\0');
    for (std::size_t at = 0; at < log_bytes; at += zeros.size())
      if (::pwrite(fd_, zeros.data(), zeros.size(), static_cast<off_t>(at)) < 0) give_up("write");
    ::fsync(fd_);
    ::unlink(path.c_str());
  }
  void put(const char* bytes, std::size_t size) {
    if (at_ + size > log_bytes) at_ = 0;
    if (::pwrite(fd_, bytes, size, static_cast<off_t>(at_)) < 0) give_up("write");
    at_ += size;
    if (sync_ && ::fdatasync(fd_) != 0) give_up("fdatasync");
  }

private:
  int fd_;
  bool sync_;
  std::size_t at_ = 0;
};

[[noreturn]] void follow(int listener, log_file log, std::size_t entry_bytes) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int leader = without_delay(::accept(listener, nullptr, nullptr));
  std::vector<char> buffer(4U << 20U);
  std::size_t have = 0;
  std::uint64_t entries = 0;
  for (;;) {
    const auto n = ::read(leader, buffer.data() + have, buffer.size() - have);
    if (n <= 0) std::_Exit(0);
    have += static_cast<std::size_t>(n);
    const auto whole = have / entry_bytes * entry_bytes;
    if (whole == 0) continue;
    log.put(buffer.data(), whole);
    entries += whole / entry_bytes;
    have -= whole;
    std::memmove(buffer.data(), buffer.data() + whole, have);
    write_all(leader, reinterpret_cast<const char*>(&entries), sizeof entries);
  }
}

class leader {
public:
  leader(int listener, std::array<int, 2> followers, log_file log, std::size_t value_bytes)
      : listener_(listener),
        followers_(followers),
        log_(log),
        value_bytes_(value_bytes),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (const int fd : {listener_, followers_[0], followers_[1], STDIN_FILENO}) watch(fd);
  }

  void run() {
    epoll_event events[512];
    while (!ends_) {
      const int n = ::epoll_wait(epoll_, events, 512, -1);
      batch_.clear();
      for (int i = 0; i < n; ++i) on_event(events[i].data.fd);
      if (!batch_.empty()) {
        for (const int f : followers_) write_all(f, batch_.data(), batch_.size());
        log_.put(batch_.data(), batch_.size());
        durable_ = last_;
      }
      answer();
    }
  }

private:
  void watch(int fd) const {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.fd = fd;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e);
  }

  void on_event(int fd) {
    if (fd == listener_) return watch(without_delay(::accept(listener_, nullptr, nullptr)));
    char part[65536];
    const auto n = ::read(fd, part, sizeof part);
    auto& in = came_[fd];
    if (n > 0) in.append(part, static_cast<std::size_t>(n));
    const bool is_follower = fd == followers_[0] || fd == followers_[1];
    if (n <= 0) {
      ends_ = ends_ || is_follower || fd == STDIN_FILENO;
      ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
      in.clear();
    } else if (is_follower) {
      const auto whole = in.size() / sizeof(std::uint64_t) * sizeof(std::uint64_t);
      if (whole == 0) return;
      std::memcpy(&match_[fd == followers_[0] ? 0 : 1], in.data() + whole - sizeof(std::uint64_t),
                  sizeof(std::uint64_t));
      in.erase(0, whole);
    } else {
      for (; in.size() >= value_bytes_; in.erase(0, value_bytes_)) append(fd, in);
    }
  }

  void append(int client, const std::string& in) {
    ++last_;
    batch_.append(head_bytes, '\0');
    batch_.append(in, 0, value_bytes_);
    waiting_.push_back(client);
  }

  void answer() {
    const auto commit = std::max(std::min(match_[0], match_[1]),
                                 std::min(durable_, std::max(match_[0], match_[1])));
    for (; answered_ < commit && !waiting_.empty(); ++answered_) {
      const char good[answer_bytes] = {1};
      (void)!::send(waiting_.front(), good, sizeof good, MSG_NOSIGNAL | MSG_DONTWAIT);
      waiting_.pop_front();
    }
  }

  int listener_;
  std::array<int, 2> followers_;
  log_file log_;
  std::size_t value_bytes_;
  int epoll_;
  bool ends_ = false;
  std::string batch_;
  std::unordered_map<int, std::string> came_;
  std::deque<int> waiting_;
  std::array<std::uint64_t, 2> match_{};
  std::uint64_t last_ = 0, durable_ = 0, answered_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "muster-limit DIR VALUE_BYTES [nosync]\n");
    return 2;
  }
  const std::string dir = argv[1];
  const auto value_bytes = std::strtoull(argv[2], nullptr, 10);
  const bool sync = argc == 3;
  std::array<int, 2> followers{};
  std::array<int, 2> pids{};
  for (std::size_t i = 0; i < 2; ++i) {
    std::uint16_t port = 0;
    const int listener = listen_on(port);
    pids[i] = ::fork();
    if (pids[i] == 0)
      follow(listener, log_file(dir + "/f" + std::to_string(i), sync), value_bytes + head_bytes);
    ::close(listener);  // the connection waits in the follower's queue
    followers[i] = dial(port);
  }
  std::uint16_t port = 0;
  const int listener = listen_on(port);
  leader l(listener, followers, log_file(dir + "/l", sync), value_bytes);
  std::printf("%d %d %d %d\n", port, ::getpid(), pids[0], pids[1]);
  std::fflush(stdout);
  l.run();
  return 0;
}
