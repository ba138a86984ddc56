#include "http/front/front.hpp"

#include "http/front/connection.hpp"
#include "http/front/envelope.hpp"
#include "http/front/request_server.hpp"
#include "http/front/worker_pool.hpp"

#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <unordered_map>

namespace muster::http {

namespace {

using connection_ptr = std::shared_ptr<connection>;

failure system_failure(const std::string& what) {
  return fail(errc::unavailable, what + ": " + std::strerror(errno));
}

std::string address_of(const sockaddr_storage& from) {
  char host[INET6_ADDRSTRLEN] = "";
  if (from.ss_family == AF_INET) {
    const auto* a = reinterpret_cast<const sockaddr_in*>(&from);
    ::inet_ntop(AF_INET, &a->sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(ntohs(a->sin_port));
  }
  if (from.ss_family == AF_INET6) {
    const auto* a = reinterpret_cast<const sockaddr_in6*>(&from);
    ::inet_ntop(AF_INET6, &a->sin6_addr, host, sizeof host);
    return "[" + std::string(host) + "]:" + std::to_string(ntohs(a->sin6_port));
  }
  return "@";
}

}  // namespace

class front::impl {
public:
  explicit impl(front_settings with)
      : with_(std::move(with)),
        server_(with_),
        pool_(bounds::workers_min, bounds::workers_max, bounds::tasks_waiting_max),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    watch(wake_, EPOLLIN, EPOLL_CTL_ADD);
    loop_ = std::thread([this] { run(); });
  }

  ~impl() { stop(); }

  result<int> listen_tls(const std::string& host_port, std::shared_ptr<tls::server_contexts> shown);
  status listen_unix(const std::string& path);
  void close_connections_of(const std::string& fingerprint);
  void stop();

  std::size_t connections() const {
    const std::lock_guard guard(lock_);
    return connections_.size();
  }
  std::size_t threads() const { return pool_.threads(); }

private:
  struct listener {
    int fd = -1;
    std::shared_ptr<tls::server_contexts> shown;  ///< null: unix socket
  };

  void watch(int fd, std::uint32_t events, int operation) const {
    epoll_event e{};
    e.events = events;
    e.data.fd = fd;
    ::epoll_ctl(epoll_, operation, fd, &e);
  }
  void add_listener(listener l);
  void run();
  void on_event(int fd, std::uint32_t events);
  void accept_all(const listener& l);
  void sweep();
  void drop(const connection_ptr& c);
  void park(const connection_ptr& c, std::uint32_t events);
  void advance(const connection_ptr& c);
  bool shake(const connection_ptr& c);
  bool read_head(const connection_ptr& c);
  void serve_upgrade(const connection_ptr& c);
  void become_websocket(const connection_ptr& c, const upgrade_answer& answer, request& r);
  void on_socket_event(const connection_ptr& c, std::uint32_t events);
  void write_and_drop(const connection_ptr& c, const response& r);

  front_settings with_;
  request_server server_;
  worker_pool pool_;
  mutable std::mutex lock_;
  std::unordered_map<int, connection_ptr> connections_;
  std::unordered_map<int, listener> listeners_;
  int epoll_;
  int wake_;
  std::atomic<bool> stopping_{false};
  std::thread loop_;
};

// --- listeners ----------------------------------------------------------------------------------

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
  auto [host, port] = tls::split_address(host_port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int r =
          ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
      r != 0)
    return fail(errc::bad_request, "cannot listen on " + host_port + ": " + ::gai_strerror(r));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, ::freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return system_failure("cannot listen on " + host_port);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // accepted sockets inherit it
  if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd, 1024) != 0) {
    auto why = system_failure("cannot listen on " + host_port);
    ::close(fd);
    return why;
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  add_listener({fd, std::move(shown)});
  return ntohs(bound.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&bound)->sin_port
                                          : reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
}

status front::impl::listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(errc::bad_request, "the path of the unix socket is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ::unlink(path.c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0660) != 0 || ::listen(fd, 1024) != 0) {
    auto why = system_failure("cannot listen on " + path);
    if (fd >= 0) ::close(fd);
    return why;
  }
  add_listener({fd, nullptr});
  return ok();
}

void front::impl::accept_all(const listener& l) {
  for (int i = 0; i < 64; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int fd =
        ::accept4(l.fd, reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
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
      if (connections_.size() >= bounds::connections_max) continue;  // closed: too many
      connections_[fd] = c;
    }
    watch(fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, EPOLL_CTL_ADD);
  }
}

// --- the loop -----------------------------------------------------------------------------------

void front::impl::run() {
  epoll_event events[128];
  auto swept = clock::now();
  while (!stopping_) {
    const int n = ::epoll_wait(epoll_, events, 128, 500);
    for (int i = 0; i < n; ++i) on_event(events[i].data.fd, events[i].events);
    if (clock::now() - swept < std::chrono::milliseconds(500)) continue;
    swept = clock::now();
    sweep();
  }
}

void front::impl::on_event(int fd, std::uint32_t events) {
  if (fd == wake_) {
    std::uint64_t ignored = 0;
    (void)!::read(wake_, &ignored, sizeof ignored);
    return;
  }
  connection_ptr c;
  std::optional<listener> l;
  {
    const std::lock_guard guard(lock_);
    if (auto at = listeners_.find(fd); at != listeners_.end()) l = at->second;
    if (auto at = connections_.find(fd); at != connections_.end()) c = at->second;
    if (c) c->is_busy = !c->socket;
  }
  if (l) return accept_all(*l);
  if (!c) return;
  if (c->socket) return on_socket_event(c, events);
  if (!pool_.post([this, c] { advance(c); })) drop(c);
}

void front::impl::sweep() {
  std::vector<connection_ptr> late;
  const auto now = clock::now();
  {
    const std::lock_guard guard(lock_);
    for (const auto& [fd, c] : connections_)
      if (!c->is_busy && !c->socket && c->deadline < now) late.push_back(c);
  }
  for (const auto& c : late) drop(c);
}

void front::impl::drop(const connection_ptr& c) {
  {
    const std::lock_guard guard(lock_);
    auto at = connections_.find(c->stream->fd());
    if (at == connections_.end() || at->second != c) return;
    connections_.erase(at);
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, c->stream->fd(), nullptr);
  }
  c->stream->shutdown();
  if (c->socket) c->socket->ended();
}

void front::impl::park(const connection_ptr& c, std::uint32_t events) {
  {
    const std::lock_guard guard(lock_);
    c->is_busy = false;
  }
  watch(c->stream->fd(), events | EPOLLRDHUP | EPOLLONESHOT, EPOLL_CTL_MOD);
}

// --- requests, on a worker
// ------------------------------------------------------------------------

/// False: not done yet (parked) or over (dropped).
bool front::impl::shake(const connection_ptr& c) {
  if (c->is_shaken) return true;
  switch (c->stream->try_handshake()) {
    case tls::io::wants_read:
      park(c, EPOLLIN);
      return false;
    case tls::io::wants_write:
      park(c, EPOLLOUT);
      return false;
    case tls::io::closed:
      drop(c);
      return false;
    case tls::io::done:
      break;
  }
  c->is_shaken = true;
  c->peer.fingerprint = c->stream->fingerprint();
  c->peer.certificate = c->stream->certificate();
  c->deadline = clock::now() + bounds::head_time_max;
  return true;
}

bool front::impl::read_head(const connection_ptr& c) {
  for (;;) {
    if (const auto end = c->in.find("\r\n\r\n"); end != std::string::npos) {
      c->head_bytes = end + 4;
      return true;
    }
    if (c->in.size() > bounds::head_bytes_max) {
      write_and_drop(c, error(431, "the request's head is too long"));
      return false;
    }
    const bool was_empty = c->in.empty();
    char part[16384];
    std::size_t n = 0;
    switch (c->stream->try_read(part, sizeof part, n)) {
      case tls::io::wants_read:
        park(c, EPOLLIN);
        return false;
      case tls::io::wants_write:
        park(c, EPOLLOUT);
        return false;
      case tls::io::closed:
        drop(c);
        return false;
      case tls::io::done:
        break;
    }
    if (was_empty) c->deadline = clock::now() + bounds::head_time_max;
    c->in.append(part, n);
  }
}

void front::impl::advance(const connection_ptr& c) {
  if (!shake(c)) return;
  for (;;) {
    if (!read_head(c)) return;
    if (request_server::asks_for_upgrade({c->in.data(), c->head_bytes})) return serve_upgrade(c);
    const bool keep = server_.serve(*c) && !stopping_;
    c->head_bytes = 0;
    if (!keep) return drop(c);
    c->deadline = clock::now() + bounds::idle_time_max;
  }
}

void front::impl::write_and_drop(const connection_ptr& c, const response& r) {
  const auto bytes = request_server::plain_response(r);
  (void)c->stream->write_all(bytes, clock::now() + std::chrono::seconds(2)).ok();
  drop(c);
}

// --- other protocols ----------------------------------------------------------------------------

void front::impl::serve_upgrade(const connection_ptr& c) {
  auto parsed = request_server::parse_head({c->in.data(), c->head_bytes}, c->peer);
  if (!parsed) return write_and_drop(c, error(parsed.error()));
  auto& r = *parsed;
  const auto protocol = r.header("upgrade");
  const auto answer = with_.on_upgrade(protocol, r);
  if (answer.refusal) return write_and_drop(c, *answer.refusal);
  c->in.erase(0, c->head_bytes);
  if (answer.take_websocket) return become_websocket(c, answer, r);
  const auto key = r.header("sec-websocket-key");
  const std::string hello =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: " + protocol + "\r\nConnection: Upgrade\r\n" +
      (key.empty() ? "" : "Sec-WebSocket-Accept: " + websocket_accept(key) + "\r\n") + "\r\n";
  if (!c->stream->write_all(hello, clock::now() + bounds::handshake_time_max)) return drop(c);
  {
    const std::lock_guard guard(lock_);
    connections_.erase(c->stream->fd());
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, c->stream->fd(), nullptr);
  }
  c->stream->push_back(std::move(c->in));
  answer.take_stream(c->stream);
}

void front::impl::become_websocket(const connection_ptr& c, const upgrade_answer& answer,
                                   request& r) {
  const auto key = r.header("sec-websocket-key");
  if (key.empty() || r.header("sec-websocket-version") != "13") {
    response bad = error(400, "Bad Request");
    bad.content_type = "text/plain; charset=utf-8";
    bad.body = "Bad Request\n";
    bad.headers["Sec-Websocket-Version"] = "13";
    return write_and_drop(c, bad);
  }
  const std::string hello =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      websocket_accept(key) + "\r\n\r\n";
  if (!c->stream->write_all(hello, clock::now() + bounds::handshake_time_max)) return drop(c);
  const int fd = c->stream->fd();
  auto socket = std::make_shared<websocket>(c->stream, [this, fd] {
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLONESHOT, EPOLL_CTL_MOD);
  });
  answer.take_websocket(socket);
  const bool alive = c->in.empty() || socket->take(std::exchange(c->in, {}));
  {
    const std::lock_guard guard(lock_);
    c->socket = socket;
    c->is_busy = false;
  }
  if (!alive) return drop(c);
  watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLONESHOT, EPOLL_CTL_MOD);
}

void front::impl::on_socket_event(const connection_ptr& c, std::uint32_t events) {
  auto& socket = *c->socket;
  bool alive = !(events & (EPOLLERR | EPOLLHUP));
  for (int i = 0; alive && i < 16 && !socket.is_paused(); ++i) {
    char part[16384];
    std::size_t n = 0;
    const auto got = c->stream->try_read(part, sizeof part, n);
    if (got == tls::io::closed) alive = false;
    if (got != tls::io::done) break;
    alive = socket.take({part, n});
  }
  if (!socket.write_more() || !alive) return drop(c);
  const std::uint32_t write = socket.wants_write() ? EPOLLOUT : 0U;
  const std::uint32_t read = socket.is_paused() ? 0U : EPOLLIN | EPOLLRDHUP;
  watch(c->stream->fd(), read | write | EPOLLONESHOT, EPOLL_CTL_MOD);
}

void front::impl::close_connections_of(const std::string& fingerprint) {
  const std::lock_guard guard(lock_);
  for (const auto& [fd, c] : connections_)
    if (c->is_shaken && c->peer.fingerprint == fingerprint) c->stream->shutdown();
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
  pool_.stop();
  for (const auto& c : all) drop(c);
  for (const auto& [fd, l] : listeners_) ::close(fd);
  ::close(epoll_);
  ::close(wake_);
}

front::front(front_settings with) : impl_(std::make_unique<impl>(std::move(with))) {}
front::~front() = default;
result<int> front::listen_tls(const std::string& host_port,
                              std::shared_ptr<tls::server_contexts> shown) {
  return impl_->listen_tls(host_port, std::move(shown));
}
status front::listen_unix(const std::string& path) { return impl_->listen_unix(path); }
void front::close_connections_of(const std::string& fingerprint) {
  impl_->close_connections_of(fingerprint);
}
std::size_t front::connections() const { return impl_->connections(); }
std::size_t front::threads() const { return impl_->threads(); }
void front::stop() { impl_->stop(); }

}  // namespace muster::http
