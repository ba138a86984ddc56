#include "http/server/front.hpp"

#include "http/server/front_impl.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

namespace muster::http {

namespace {

/// Both ends of a connection may be gone without a word.
void keep_alive(int fd) {
  const auto set = [fd](int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

std::size_t connections_max() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return bounds::connections_max;
  const auto all = static_cast<std::size_t>(limit.rlim_cur);
  const auto left = all > 2 * bounds::descriptors_kept ? all - bounds::descriptors_kept : all / 2;
  return std::min(left, bounds::connections_max);
}

response safely(const std::function<response()>& make) {
  try {
    return make();
  } catch (const std::exception& e) {
    return error(500, std::string("Internal error: ") + e.what());
  }
}

void front::impl::add_listener(listener l) {
  const int fd = l.fd;
  {
    const std::lock_guard guard(lock_);
    listeners_[fd] = std::move(l);
  }
  watch(fd, EPOLLIN, EPOLL_CTL_ADD);
}

result<int> front::impl::listen_tls(const std::string& host_port,
                                    std::shared_ptr<tls::server_contexts> shown) {
  auto opened = open_tcp(host_port);
  if (!opened) return opened.error();
  add_listener({opened->fd, std::move(shown), host_port, std::nullopt});
  return opened->port;
}

status front::impl::listen_unix(const std::string& path) {
  auto opened = open_unix(path);
  if (!opened) return opened.error();
  add_listener({opened->fd, nullptr, path, std::nullopt});
  return ok();
}

void front::impl::stop_listening(const std::string& host_port) {
  const std::lock_guard guard(lock_);
  for (auto at = listeners_.begin(); at != listeners_.end(); ++at) {
    if (at->second.address != host_port) continue;
    ::close(at->first);
    listeners_.erase(at);
    return;
  }
}

void front::impl::accept_all(const listener& l) {
  for (int i = 0; i < 64; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int fd =
        ::accept4(l.fd, reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      if (!add_connection(fd, l, from)) return;
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause(l);
    return;
  }
}

/// Of those who have no request under way, who takes longest gives way; before them, of those who
/// have not shaken hands: they may be anybody. False: all have asked for something.
bool front::impl::make_room() {
  connection_ptr slowest;
  const auto before = [](const connection_ptr& a, const connection_ptr& b) {
    return std::pair(a->is_shaken, a->deadline) < std::pair(b->is_shaken, b->deadline);
  };
  {
    const std::lock_guard guard(lock_);
    if (connections_.size() < connections_max_) return true;
    for (const auto& [fd, c] : connections_) {
      const bool is_idle = !c->is_busy && !c->asked && !c->socket && c->out.empty();
      if (is_idle && (!slowest || before(c, slowest))) slowest = c;
    }
  }
  if (slowest) drop(slowest);
  return slowest != nullptr;
}

/// False: no more now.
bool front::impl::add_connection(int fd, const listener& l, const sockaddr_storage& from) {
  if (l.shown && !make_room()) {  // the unix socket is for whoever must be let in
    ::close(fd);
    return true;
  }
  if (l.shown) keep_alive(fd);
  SSL* ssl = l.shown ? l.shown->make_ssl(fd) : nullptr;
  auto c = std::make_shared<connection>(std::make_shared<tls::stream>(fd, ssl));
  c->peer.is_unix = !l.shown;
  c->is_shaken = !l.shown;
  c->peer.address = address_of(from);
  if (!l.shown) {
    ucred who{};
    socklen_t who_size = sizeof who;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_size) == 0) c->peer.uid = who.uid;
  }
  c->deadline = clock::now() + (l.shown ? bounds::handshake_time_max : bounds::idle_time_max);
  {
    const std::lock_guard guard(lock_);
    connections_[fd] = c;
  }
  watch(fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, EPOLL_CTL_ADD);
  return true;
}

/// No descriptor is left: who waits first hears so, and the listener is not looked at for a moment.
void front::impl::pause(const listener& l) {
  if (spare_ >= 0) {
    ::close(spare_);
    const int fd = ::accept4(l.fd, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) ::close(fd);
    spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  const std::lock_guard guard(lock_);
  if (const auto at = listeners_.find(l.fd); at != listeners_.end()) {
    at->second.pauses_until = clock::now() + bounds::accept_pause;
    watch(l.fd, 0, EPOLL_CTL_MOD);
  }
}

void front::impl::end_pauses() {
  const auto now = clock::now();
  const std::lock_guard guard(lock_);
  for (auto& [fd, l] : listeners_) {
    if (!l.pauses_until || *l.pauses_until > now) continue;
    l.pauses_until.reset();
    watch(fd, EPOLLIN, EPOLL_CTL_MOD);
  }
}

void front::impl::close_connections_of(const std::string& fingerprint) {
  const std::lock_guard guard(lock_);
  for (const auto& [fd, c] : connections_)
    if (c->is_shaken && (c->peer.fingerprint == fingerprint || c->acts_for == fingerprint))
      c->stream->shutdown();
}

/// With the lock held.
void front::impl::forget(const connection_ptr& c) {
  connections_.erase(c->stream->fd());
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, c->stream->fd(), nullptr);
  if (!c->is_stranger) return;
  c->is_stranger = false;
  --strangers_;
  const auto host = tls::split_address(c->peer.address).first;
  if (const auto at = strangers_of_.find(host); at != strangers_of_.end() && --at->second == 0)
    strangers_of_.erase(at);
}

void front::impl::drop(const connection_ptr& c) {
  {
    const std::lock_guard guard(lock_);
    auto at = connections_.find(c->stream->fd());
    if (at == connections_.end() || at->second != c) return;
    forget(c);
  }
  c->stream->shutdown();
  if (c->socket) c->socket->ended();
  if (c->upgraded) c->upgraded->ended();
}

void front::impl::stop() {
  if (stopping_.exchange(true)) return;
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
  loop_.join();
  std::vector<connection_ptr> all;
  {
    const std::lock_guard guard(lock_);
    for (const auto& [fd, c] : connections_) all.push_back(c);
  }
  for (const auto& c : all)
    if (!c->is_busy) drop(c);
  shakers_.stop(clock::now() + bounds::stop_time_max);
  if (!pool_.stop(clock::now() + bounds::stop_time_max)) {
    for (const auto& c : all) c->stream->shutdown();  // who waits for their bytes
    pool_.stop(clock::now() + bounds::stop_time_max / 2);
  }
  {
    const std::lock_guard guard(delivered_lock_);
    has_ended_ = true;
  }
  for (const auto& c : all) drop(c);
  for (const auto& [fd, l] : listeners_) ::close(fd);
  ::close(epoll_);
  ::close(wake_);
  if (spare_ >= 0) ::close(spare_);
}

front::front(front_settings with) : impl_(std::make_unique<impl>(std::move(with))) {}
front::~front() = default;
result<int> front::listen_tls(const std::string& host_port,
                              std::shared_ptr<tls::server_contexts> shown) {
  return impl_->listen_tls(host_port, std::move(shown));
}
status front::listen_unix(const std::string& path) { return impl_->listen_unix(path); }
void front::stop_listening(const std::string& host_port) { impl_->stop_listening(host_port); }
void front::close_connections_of(const std::string& fingerprint) {
  impl_->close_connections_of(fingerprint);
}
std::size_t front::connections() const { return impl_->connections(); }
std::size_t front::threads() const { return impl_->threads(); }
void front::stop() { impl_->stop(); }

}  // namespace muster::http
