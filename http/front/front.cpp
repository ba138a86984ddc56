#include "http/front/front.hpp"

#include "http/front/connection.hpp"
#include "http/front/envelope.hpp"
#include "http/front/listen.hpp"
#include "http/front/quick_request.hpp"
#include "http/front/request_server.hpp"
#include "http/front/worker_pool.hpp"

#include <openssl/ssl.h>

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_map>

namespace muster::http {

namespace {

using connection_ptr = std::shared_ptr<connection>;

/// A library's exception becomes an answer; ours are results.
response safely(const std::function<response()>& make) {
  try {
    return make();
  } catch (const std::exception& e) {
    return error(500, std::string("Internal error: ") + e.what());
  }
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
  void stop_listening(const std::string& host_port);
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
    std::string address;
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
  // The loop.
  void serve(const connection_ptr& c);
  bool read_more(const connection_ptr& c);
  bool answer_quickly(const connection_ptr& c, std::shared_ptr<request> r);
  bool respond(const connection_ptr& c, const response& r, const std::string& trace = {});
  bool write_out(const connection_ptr& c);
  void take_delivered();
  void be_watched(const connection_ptr& c, bool on);
  // Any thread.
  void give(const connection_ptr& c, std::shared_ptr<request> r, std::function<response()> make);
  // A worker.
  void hand_over(const connection_ptr& c);
  void advance(const connection_ptr& c);
  bool shake(const connection_ptr& c);
  void serve_upgrade(const connection_ptr& c);
  void become_websocket(const connection_ptr& c, const upgrade_answer& answer, request& r);
  void on_socket_event(const connection_ptr& c, std::uint32_t events);
  void write_and_drop(const connection_ptr& c, const response& r);

  /// Work for the loop: an answer that has come, or (no `make`) a connection that a worker gives
  /// back.
  struct delivered {
    connection_ptr to;
    std::shared_ptr<request> of;
    std::function<response()> make;
  };

  front_settings with_;
  request_server server_;
  worker_pool pool_;
  mutable std::mutex lock_;
  std::unordered_map<int, connection_ptr> connections_;
  std::unordered_map<int, listener> listeners_;
  std::mutex delivered_lock_;
  std::vector<delivered> delivered_;
  bool has_ended_ = false;  ///< nobody takes them any more
  std::size_t asked_ = 0;   ///< answers that come later; for the loop
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
  auto opened = open_tcp(host_port);
  if (!opened) return opened.error();
  add_listener({opened->fd, std::move(shown), host_port});
  return opened->port;
}

status front::impl::listen_unix(const std::string& path) {
  auto opened = open_unix(path);
  if (!opened) return opened.error();
  add_listener({opened->fd, nullptr, path});
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
  ::pthread_setname_np(::pthread_self(), "http");
  epoll_event events[128];
  auto swept = clock::now();
  std::optional<clock::time_point> stop_by;  // who has asked still gets an answer
  for (;;) {
    if (stopping_ && !stop_by) stop_by = clock::now() + bounds::stop_time_max;
    if (stop_by && (asked_ == 0 || *stop_by < clock::now())) return;
    const int n = ::epoll_wait(epoll_, events, 128, stop_by ? 20 : 500);
    for (int i = 0; i < n; ++i) on_event(events[i].data.fd, events[i].events);
    take_delivered();
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
  }
  if (l) return accept_all(*l);
  if (!c) return;
  if (c->socket) return on_socket_event(c, events);
  if (c->is_busy) return;
  if (!c->is_shaken) return hand_over(c);
  if (c->asked) {  // what comes now waits for the answer before it
    if (c->is_watched) be_watched(c, false);
    return;
  }
  if (!c->out.empty() && !write_out(c)) return;
  serve(c);
}

void front::impl::sweep() {
  std::vector<connection_ptr> late;
  const auto now = clock::now();
  {
    const std::lock_guard guard(lock_);
    for (const auto& [fd, c] : connections_)
      if (!c->is_busy && !c->socket && c->deadline < now) late.push_back(c);
  }
  for (const auto& c : late) {
    if (!c->asked) {
      drop(c);
      continue;
    }
    c->must_close = true;
    const auto asked = std::exchange(c->asked, nullptr);
    --asked_;
    respond(c, error(504, "no answer in time; look before you repeat it"), asked->trace);
  }
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

// --- quick requests, in the loop ---------------------------------------------------------------

/// Registered once and left so: a connection costs no call a request.
void front::impl::be_watched(const connection_ptr& c, bool on) {
  if (on && c->is_watched) return;
  c->is_watched = on;
  const std::uint32_t write = c->out.empty() ? 0U : EPOLLOUT;
  watch(c->stream->fd(), on ? EPOLLIN | EPOLLRDHUP : write | EPOLLONESHOT, EPOLL_CTL_MOD);
}

/// Takes requests until one must be waited for.
void front::impl::serve(const connection_ptr& c) {
  for (;;) {
    auto next = take_quick(*c, with_.is_quick);
    switch (next.what) {
      case taken::too_long:
        c->must_close = true;
        respond(c, error(431, "the request's head is too long"));
        return;
      case taken::other:
        return hand_over(c);
      case taken::need_more:
        if (!read_more(c)) return;
        continue;
      case taken::quick:
        break;
    }
    if (!answer_quickly(c, std::move(next.whole))) return;
    if (c->in.empty() && !c->stream->has_pending()) return be_watched(c, true);
  }
}

/// False: nothing there now, or the connection has ended.
bool front::impl::read_more(const connection_ptr& c) {
  char part[16384];
  std::size_t n = 0;
  switch (c->stream->try_read(part, sizeof part, n)) {
    case tls::io::wants_read:
    case tls::io::wants_write:  // TLS 1.2 renegotiation: not offered
      be_watched(c, true);
      return false;
    case tls::io::closed:
      drop(c);
      return false;
    case tls::io::done:
      break;
  }
  if (c->in.empty()) c->deadline = clock::now() + bounds::head_time_max;
  c->in.append(part, n);
  return true;
}

/// False: the answer comes later, or must wait for the socket.
bool front::impl::answer_quickly(const connection_ptr& c, std::shared_ptr<request> r) {
  auto answer = safely([&] { return with_.handle(*r); });
  if (!answer.later) return respond(c, answer, r->trace);
  c->asked = r;
  ++asked_;
  c->deadline = clock::now() + bounds::later_time_max;
  answer.later([this, c, r](std::function<response()> make) { give(c, r, std::move(make)); });
  return false;
}

void front::impl::give(const connection_ptr& c, std::shared_ptr<request> r,
                       std::function<response()> make) {
  {
    const std::lock_guard guard(delivered_lock_);
    if (has_ended_) return;
    delivered_.push_back({c, std::move(r), std::move(make)});
    if (delivered_.size() > 1) return;
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

void front::impl::take_delivered() {
  std::vector<delivered> all;
  {
    const std::lock_guard guard(delivered_lock_);
    all.swap(delivered_);
  }
  for (auto& d : all) {
    if (!d.make) {
      d.to->is_busy = false;
      serve(d.to);
      continue;
    }
    if (d.to->asked != d.of) continue;  // answered at its deadline
    auto answer = safely(d.make);
    if (answer.later) {
      answer.later([this, c = d.to, r = d.of](std::function<response()> make) {
        give(c, r, std::move(make));
      });
      continue;
    }
    d.to->asked = nullptr;
    --asked_;
    if (!respond(d.to, answer, d.of->trace)) continue;
    if (d.to->in.empty() && !d.to->stream->has_pending())
      be_watched(d.to, true);
    else
      serve(d.to);
  }
}

/// False: the connection is over, or the answer waits for the socket.
bool front::impl::respond(const connection_ptr& c, const response& r, const std::string& trace) {
  c->deadline = clock::now() + bounds::body_time_max;
  c->must_close = c->must_close || stopping_;
  c->out = to_bytes(r, !c->must_close, trace);
  return write_out(c);
}

bool front::impl::write_out(const connection_ptr& c) {
  std::size_t written = 0;
  while (written < c->out.size()) {
    std::size_t n = 0;
    const auto got = c->stream->try_write(c->out.data() + written, c->out.size() - written, n);
    written += n;
    if (got == tls::io::done) continue;
    c->out.erase(0, written);
    if (got == tls::io::closed)
      drop(c);
    else
      be_watched(c, false);
    return false;
  }
  c->out.clear();
  c->deadline = clock::now() + bounds::idle_time_max;
  if (c->must_close) drop(c);
  return !c->must_close;
}

// --- other requests, on a worker ----------------------------------------------------------------

void front::impl::hand_over(const connection_ptr& c) {
  c->is_busy = true;
  if (c->is_watched) be_watched(c, false);
  if (!pool_.post([this, c] { advance(c); })) drop(c);
}

/// False: not done yet, or over (dropped).
bool front::impl::shake(const connection_ptr& c) {
  if (c->is_shaken) return true;
  const auto got = c->stream->try_handshake();
  if (got == tls::io::closed) {
    drop(c);
    return false;
  }
  if (got != tls::io::done) {
    c->is_busy = false;
    watch(c->stream->fd(),
          (got == tls::io::wants_read ? EPOLLIN : EPOLLOUT) | EPOLLRDHUP | EPOLLONESHOT,
          EPOLL_CTL_MOD);
    return false;
  }
  c->deadline = clock::now() + bounds::head_time_max;
  const std::lock_guard guard(lock_);  // whoever cuts off a certificate looks at all connections
  c->peer.fingerprint = c->stream->fingerprint();
  c->peer.certificate = c->stream->certificate();
  c->is_shaken = true;
  return true;
}

void front::impl::advance(const connection_ptr& c) {
  const bool was_shaken = c->is_shaken;
  if (!shake(c)) return;
  if (was_shaken) {
    if (request_server::asks_for_upgrade({c->in.data(), c->head_bytes})) return serve_upgrade(c);
    const bool keep = server_.serve(*c) && !stopping_;
    c->head_bytes = 0;
    if (!keep) return drop(c);
    c->deadline = clock::now() + bounds::idle_time_max;
  }
  give(c, nullptr, nullptr);
}

void front::impl::write_and_drop(const connection_ptr& c, const response& r) {
  const auto bytes = to_bytes(r, false);
  (void)c->stream->write_all(bytes, clock::now() + std::chrono::seconds(2)).ok();
  drop(c);
}

// --- other protocols, on a worker
// ----------------------------------------------------------------------------

void front::impl::serve_upgrade(const connection_ptr& c) {
  auto parsed = parse_head({c->in.data(), c->head_bytes}, c->peer);
  if (!parsed) return write_and_drop(c, error(parsed.error()));
  auto& r = **parsed;
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
  {
    const std::lock_guard guard(delivered_lock_);
    has_ended_ = true;
  }
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
void front::stop_listening(const std::string& host_port) { impl_->stop_listening(host_port); }
void front::close_connections_of(const std::string& fingerprint) {
  impl_->close_connections_of(fingerprint);
}
std::size_t front::connections() const { return impl_->connections(); }
std::size_t front::threads() const { return impl_->threads(); }
void front::stop() { impl_->stop(); }

}  // namespace muster::http
