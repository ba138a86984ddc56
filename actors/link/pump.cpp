#include "actors/link/pump.hpp"

#include "actors/link/tls/tls_stream.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
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

/// One end and what waits to be written to it.
struct side {
  std::shared_ptr<tls::stream> stream;
  buffer waiting;
  bool wants_write = false;
  bool has_ended = false;  ///< nothing more comes from it
};

struct pair {
  std::uint64_t id = 0;
  side ends[2];
};

}  // namespace

struct pump::impl {
  int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::atomic<bool> stopping{false};
  std::mutex lock;
  std::map<std::uint64_t, std::shared_ptr<pair>> pairs;  ///< by id
  std::uint64_t next_id = 1;
  std::thread thread;

  // Events carry id * 2, +1 for the second end; 0 is the wake-up.
  void watch(int fd, std::uint64_t tag, std::uint32_t events, int operation) const {
    epoll_event e{};
    e.events = events;
    e.data.u64 = tag;
    ::epoll_ctl(epoll, operation, fd, &e);
  }

  /// False: this end is finished.
  static bool drain(side& to) {
    to.wants_write = false;
    while (!to.waiting.is_empty()) {
      std::size_t n = 0;
      const auto got = to.stream->try_write(to.waiting.bytes.data() + to.waiting.written,
                                            to.waiting.bytes.size() - to.waiting.written, n);
      if (got == tls::io::closed) return false;
      if (got != tls::io::done) {
        to.wants_write = got == tls::io::wants_write;
        return true;
      }
      to.waiting.consumed(n);
    }
    return true;
  }

  static bool carry(side& from, side& to) {
    while (to.waiting.has_room()) {
      char part[part_bytes];
      std::size_t n = 0;
      const auto got = from.stream->try_read(part, sizeof part, n);
      if (got == tls::io::closed) return false;
      if (got != tls::io::done) {
        from.wants_write = from.wants_write || got == tls::io::wants_write;
        return true;
      }
      to.waiting.bytes.append(part, n);
      if (!drain(to)) return false;
    }
    return true;
  }

  /// Moves what can be moved; false: the pair is finished.
  bool serve(pair& p) const {
    auto& [a, b] = p.ends;
    if (!drain(a) || !drain(b)) return false;
    a.has_ended = a.has_ended || !carry(a, b);
    b.has_ended = b.has_ended || !carry(b, a);
    // What the one has said last still reaches the other.
    if ((a.has_ended && b.waiting.is_empty()) || (b.has_ended && a.waiting.is_empty()))
      return false;
    for (std::uint64_t i = 0; i < 2; ++i) {
      const auto& end = p.ends[i];
      const bool may_read = !end.has_ended && p.ends[1 - i].waiting.has_room();
      watch(end.stream->fd(), p.id * 2 + i,
            (may_read ? EPOLLIN : 0U) | (end.wants_write ? EPOLLOUT : 0U), EPOLL_CTL_MOD);
    }
    return true;
  }

  void add(std::shared_ptr<tls::stream> a, std::shared_ptr<tls::stream> b) {
    auto p = std::make_shared<pair>();
    p->ends[0].stream = std::move(a);
    p->ends[1].stream = std::move(b);
    const std::lock_guard guard(lock);
    p->id = next_id++;
    pairs[p->id] = p;
    watch(p->ends[0].stream->fd(), p->id * 2, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);  // serves at once
    watch(p->ends[1].stream->fd(), p->id * 2 + 1, EPOLLIN, EPOLL_CTL_ADD);
  }

  void finish(std::uint64_t id) {
    std::shared_ptr<pair> p;
    {
      const std::lock_guard guard(lock);
      auto node = pairs.extract(id);
      if (node.empty()) return;
      p = std::move(node.mapped());
    }
    for (auto& end : p->ends) {
      ::epoll_ctl(epoll, EPOLL_CTL_DEL, end.stream->fd(), nullptr);
      end.stream->shutdown();
    }
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
  for (auto& [id, p] : impl_->pairs)
    for (auto& end : p->ends) end.stream->shutdown();
  ::close(impl_->epoll);
  ::close(impl_->wake);
}

void pump::join(std::shared_ptr<tls::stream> a, std::shared_ptr<tls::stream> b) {
  impl_->add(std::move(a), std::move(b));
}

}  // namespace muster::link
