#include "actors/link/pump.hpp"

#include "actors/link/tls_stream.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace muster::link {

namespace {

constexpr std::size_t buffer_bytes_max = 256u << 10;
constexpr std::size_t part_bytes = 64u << 10;

/// One direction: what was read and not yet written.
struct buffer {
  std::string bytes;
  std::size_t written = 0;
  [[nodiscard]] bool has_room() const { return bytes.size() - written < buffer_bytes_max; }
  [[nodiscard]] bool is_empty() const { return written == bytes.size(); }
  void consumed(std::size_t n) {
    written += n;
    if (written == bytes.size()) {
      bytes.clear();
      written = 0;
    }
  }
};

struct pair {
  std::uint64_t id = 0;
  std::shared_ptr<tls::stream> stream;
  int local = -1;
  buffer inward;   ///< stream → local
  buffer outward;  ///< local → stream
  bool stream_wants_write = false;
  std::function<void()> on_close;
};

}  // namespace

struct pump::impl {
  int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::atomic<bool> stopping{false};
  std::mutex lock;
  std::map<std::uint64_t, std::shared_ptr<pair>> pairs;  ///< by id
  std::vector<std::uint64_t> to_close;
  std::uint64_t next_id = 1;
  std::thread thread;

  // Events carry id * 2, +1 for the local end; 0 is the wake-up.
  void watch(int fd, std::uint64_t tag, std::uint32_t events, int operation) const {
    epoll_event e{};
    e.events = events;
    e.data.u64 = tag;
    ::epoll_ctl(epoll, operation, fd, &e);
  }

  /// False: this end is finished.
  static bool fill_from_stream(pair& p) {
    while (p.inward.has_room()) {
      char part[part_bytes];
      std::size_t n = 0;
      const auto got = p.stream->try_read(part, sizeof part, n);
      if (got == tls::io::closed) return false;
      if (got != tls::io::done) {
        p.stream_wants_write = p.stream_wants_write || got == tls::io::wants_write;
        return true;
      }
      p.inward.bytes.append(part, n);
      if (!drain_to_local(p)) return false;
    }
    return true;
  }

  static bool drain_to_local(pair& p) {
    while (!p.inward.is_empty()) {
      const auto n = ::send(p.local, p.inward.bytes.data() + p.inward.written,
                            p.inward.bytes.size() - p.inward.written, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      p.inward.consumed(static_cast<std::size_t>(n));
    }
    return true;
  }

  static bool fill_from_local(pair& p) {
    while (p.outward.has_room()) {
      char part[part_bytes];
      const auto n = ::recv(p.local, part, sizeof part, MSG_DONTWAIT);
      if (n == 0) return false;
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      p.outward.bytes.append(part, static_cast<std::size_t>(n));
      if (!drain_to_stream(p)) return false;
    }
    return true;
  }

  static bool drain_to_stream(pair& p) {
    p.stream_wants_write = false;
    while (!p.outward.is_empty()) {
      std::size_t n = 0;
      const auto got = p.stream->try_write(p.outward.bytes.data() + p.outward.written,
                                           p.outward.bytes.size() - p.outward.written, n);
      if (got == tls::io::closed) return false;
      if (got != tls::io::done) {
        p.stream_wants_write = got == tls::io::wants_write;
        return true;
      }
      p.outward.consumed(n);
    }
    return true;
  }

  /// Moves what can be moved; false: the pair is finished.
  bool serve(pair& p) const {
    if (!drain_to_local(p) || !drain_to_stream(p) || !fill_from_stream(p) || !fill_from_local(p))
      return false;
    const std::uint32_t read_stream = p.inward.has_room() ? EPOLLIN : 0U;
    const std::uint32_t read_local = p.outward.has_room() ? EPOLLIN : 0U;
    watch(p.stream->fd(), p.id * 2, read_stream | (p.stream_wants_write ? EPOLLOUT : 0U),
          EPOLL_CTL_MOD);
    watch(p.local, p.id * 2 + 1, read_local | (p.inward.is_empty() ? 0U : EPOLLOUT),
          EPOLL_CTL_MOD);
    return true;
  }

  void finish(std::uint64_t id) {
    std::shared_ptr<pair> p;
    {
      const std::lock_guard guard(lock);
      auto node = pairs.extract(id);
      if (node.empty()) return;
      p = std::move(node.mapped());
    }
    ::epoll_ctl(epoll, EPOLL_CTL_DEL, p->stream->fd(), nullptr);
    ::epoll_ctl(epoll, EPOLL_CTL_DEL, p->local, nullptr);
    ::close(p->local);
    p->stream->shutdown();
    p->on_close();
  }

  void run() {
    epoll_event events[64];
    while (!stopping) {
      const int n = ::epoll_wait(epoll, events, 64, -1);
      for (int i = 0; i < n; ++i) {
        const auto tag = events[i].data.u64;
        if (tag == 0) {
          std::uint64_t ignored = 0;
          (void)!::read(wake, &ignored, sizeof ignored);
          continue;
        }
        std::shared_ptr<pair> p;
        {
          const std::lock_guard guard(lock);
          if (auto at = pairs.find(tag / 2); at != pairs.end()) p = at->second;
        }
        if (p && !serve(*p)) finish(p->id);
      }
      std::vector<std::uint64_t> closing;
      {
        const std::lock_guard guard(lock);
        closing.swap(to_close);
      }
      for (const auto id : closing) finish(id);
    }
  }

  void wake_up() const {
    const std::uint64_t one = 1;
    (void)!::write(wake, &one, sizeof one);
  }
};

pump::pump() : impl_(std::make_unique<impl>()) {
  impl_->watch(impl_->wake, 0, EPOLLIN, EPOLL_CTL_ADD);
  impl_->thread = std::thread([this] { impl_->run(); });
}

pump::~pump() {
  impl_->stopping = true;
  impl_->wake_up();
  impl_->thread.join();
  for (auto& [id, p] : impl_->pairs) {
    ::close(p->local);
    p->stream->shutdown();
  }
  ::close(impl_->epoll);
  ::close(impl_->wake);
}

result<pump::adopted> pump::adopt(std::shared_ptr<tls::stream> stream,
                                  std::function<void()> on_close) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return fail(errc::unavailable, "no socket pair");
  auto p = std::make_shared<pair>();
  p->stream = std::move(stream);
  p->local = ends[0];
  p->on_close = std::move(on_close);
  const std::lock_guard guard(impl_->lock);
  p->id = impl_->next_id++;
  impl_->pairs[p->id] = p;
  impl_->watch(p->stream->fd(), p->id * 2, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);  // serves at once
  impl_->watch(p->local, p->id * 2 + 1, EPOLLIN, EPOLL_CTL_ADD);
  return adopted{ends[1], p->id};
}

void pump::close(std::uint64_t id) {
  {
    const std::lock_guard guard(impl_->lock);
    impl_->to_close.push_back(id);
  }
  impl_->wake_up();
}

std::size_t pump::open_streams() const {
  const std::lock_guard guard(impl_->lock);
  return impl_->pairs.size();
}

}  // namespace muster::link
