#include "actors/link/pump.hpp"

#include "actors/link/tls/tls_stream.hpp"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
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
constexpr std::size_t pairs_max = 1024;
constexpr std::chrono::seconds drain_time_max{
    10};  ///< for one end to take what the other said last

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
  std::string of;
  std::optional<std::chrono::steady_clock::time_point> ends_by;
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
    if ((!a.has_ended && !drain(a)) || (!b.has_ended && !drain(b))) return false;
    if (!a.has_ended && !b.has_ended) a.has_ended = !carry(a, b);
    if (!a.has_ended && !b.has_ended) b.has_ended = !carry(b, a);
    // What the one has said last still reaches the other.
    if ((a.has_ended && b.waiting.is_empty()) || (b.has_ended && a.waiting.is_empty()))
      return false;
    if ((a.has_ended || b.has_ended) && !p.ends_by)
      p.ends_by = std::chrono::steady_clock::now() + drain_time_max;
    for (std::uint64_t i = 0; i < 2; ++i) {
      auto& end = p.ends[i];
      if (end.has_ended) {  // a reset is told again and again
        ::epoll_ctl(epoll, EPOLL_CTL_DEL, end.stream->fd(), nullptr);
        continue;
      }
      const bool may_read = !end.has_ended && p.ends[1 - i].waiting.has_room();
      watch(end.stream->fd(), p.id * 2 + i,
            (may_read ? EPOLLIN : 0U) | (end.wants_write ? EPOLLOUT : 0U), EPOLL_CTL_MOD);
    }
    return true;
  }

  void add(std::shared_ptr<tls::stream> a, std::shared_ptr<tls::stream> b, std::string of) {
    auto p = std::make_shared<pair>();
    p->of = std::move(of);
    p->ends[0].stream = std::move(a);
    p->ends[1].stream = std::move(b);
    const std::lock_guard guard(lock);
    if (pairs.size() >= pairs_max) {
      for (auto& end : p->ends) end.stream->shutdown();
      return;
    }
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

  /// Ends pairs whose other end takes nothing more.
  void end_late() {
    std::vector<std::uint64_t> late;
    {
      const auto now = std::chrono::steady_clock::now();
      const std::lock_guard guard(lock);
      for (const auto& [id, p] : pairs)
        if (p->ends_by && *p->ends_by < now) late.push_back(id);
    }
    for (const auto id : late) finish(id);
  }

  void run() {
    epoll_event events[64];
    auto looked = std::chrono::steady_clock::now();
    while (!stopping) {
      const int n = ::epoll_wait(epoll, events, 64, 1000);
      if (const auto now = std::chrono::steady_clock::now();
          now - looked > std::chrono::seconds(1)) {
        looked = now;
        end_late();
      }
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
        if (!p) continue;
        auto& end = p->ends[tag % 2];
        const bool is_over = (events[i].events & (EPOLLHUP | EPOLLERR)) != 0;
        if (is_over && !p->ends[1 - tag % 2].waiting.has_room()) end.has_ended = true;
        if (!serve(*p)) finish(p->id);
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

void pump::join(std::shared_ptr<tls::stream> a, std::shared_ptr<tls::stream> b, std::string of) {
  impl_->add(std::move(a), std::move(b), std::move(of));
}

void pump::cut_off(const std::string& fingerprint) {
  std::vector<std::uint64_t> all;
  {
    const std::lock_guard guard(impl_->lock);
    for (const auto& [id, p] : impl_->pairs)
      if (p->of == fingerprint) all.push_back(id);
  }
  for (const auto id : all) impl_->finish(id);
}

std::size_t pump::pairs() const {
  const std::lock_guard guard(impl_->lock);
  return impl_->pairs.size();
}

}  // namespace muster::link
