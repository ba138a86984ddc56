#include "http/server/front_impl.hpp"

namespace muster::http {

void front::impl::hand_over(const connection_ptr& c) {
  c->is_busy = true;
  if (c->is_watched) be_watched(c, false);
  auto& pool = c->is_shaken ? pool_ : shakers_;
  const auto work = [this, c] {
    try {
      advance(c);
    } catch (const std::exception&) {  // a library's; the request is over
      drop(c);
    }
  };
  if (!pool.post(work)) drop(c);
}

/// Nobody knows who shook hands: there is room for so many.
bool front::impl::may_stay(const connection_ptr& c) {
  if (!with_.is_stranger || !with_.is_stranger(c->peer)) return true;
  const auto host = tls::split_address(c->peer.address).first;
  const std::lock_guard guard(lock_);
  const auto at = connections_.find(c->stream->fd());
  if (at == connections_.end() || at->second != c) return false;
  const auto of_one = strangers_of_.find(host);
  if (strangers_ >= bounds::strangers_max ||
      (of_one != strangers_of_.end() && of_one->second >= bounds::strangers_of_one_max))
    return false;
  c->is_stranger = true;
  ++strangers_;
  ++strangers_of_[host];
  return true;
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
  {
    const std::lock_guard guard(lock_);  // whoever cuts off a certificate looks at all connections
    c->peer.fingerprint = c->stream->fingerprint();
    c->peer.certificate = c->stream->certificate();
    c->is_shaken = true;
  }
  if (may_stay(c)) return true;
  drop(c);
  return false;
}

void front::impl::advance(const connection_ptr& c) {
  const bool was_shaken = c->is_shaken;
  if (!shake(c)) return;
  if (was_shaken) {
    if (request_server::asks_for_upgrade({c->in.data(), c->head_bytes})) return serve_upgrade(c);
    c->must_close = !server_.serve(*c) || stopping_;
    c->head_bytes = 0;
    c->deadline = clock::now() + bounds::idle_time_max;
  }
  give(c, nullptr, nullptr);
}

void front::impl::write_and_drop(const connection_ptr& c, const response& r) {
  const auto bytes = to_bytes(r, false);
  (void)c->stream->write_all(bytes, clock::now() + std::chrono::seconds(2)).ok();
  c->must_close = true;
  give(c, nullptr, nullptr);
}

// --- other protocols

namespace {

/// What a WebSocket needs to be opened.
std::optional<response> wrong_key(const request& r) {
  const auto key = r.header("sec-websocket-key");
  if (!key.empty() && r.header("sec-websocket-version") == "13") return std::nullopt;
  response bad = error(400, "Bad Request");
  bad.content_type = "text/plain; charset=utf-8";
  bad.body = "Bad Request\n";
  bad.headers["Sec-Websocket-Version"] = "13";
  return bad;
}

std::string hello_of(const std::string& protocol, const std::string& key) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: " + protocol +
         "\r\nConnection: Upgrade\r\n" +
         (key.empty() ? "" : "Sec-WebSocket-Accept: " + websocket_accept(key) + "\r\n") + "\r\n";
}

}  // namespace

void front::impl::serve_upgrade(const connection_ptr& c) {
  auto parsed = parse_head({c->in.data(), c->head_bytes}, c->peer);
  if (!parsed) return write_and_drop(c, error(parsed.error()));
  auto& r = **parsed;
  const auto protocol = r.header("upgrade");
  if (protocol == "websocket")
    if (auto bad = wrong_key(r)) return write_and_drop(c, *bad);
  const auto answer = with_.on_upgrade(protocol, r);
  if (answer.refusal) return write_and_drop(c, *answer.refusal);
  {
    const std::lock_guard guard(lock_);
    c->acts_for = r.header("x-incus-forwarded-username");
  }
  c->in.erase(0, c->head_bytes);
  c->head_bytes = 0;
  if (answer.take_websocket) return become_websocket(c, answer, r);
  const auto hello = hello_of(protocol, r.header("sec-websocket-key"));
  if (!c->stream->write_all(hello, clock::now() + bounds::handshake_time_max)) return drop(c);
  {
    const std::lock_guard guard(lock_);
    forget(c);
  }
  c->stream->push_back(std::move(c->in));
  answer.take_stream(c->stream);
}

void front::impl::become_websocket(const connection_ptr& c, const upgrade_answer& answer,
                                   request& r) {
  const auto hello = hello_of("websocket", r.header("sec-websocket-key"));
  if (!c->stream->write_all(hello, clock::now() + bounds::handshake_time_max)) return drop(c);
  const int fd = c->stream->fd();
  auto socket = std::make_shared<websocket>(c->stream, [this, fd] {
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLONESHOT, EPOLL_CTL_MOD);
  });
  {
    const std::lock_guard guard(lock_);
    c->upgraded = socket;
  }
  answer.take_websocket(socket);
  if (!c->in.empty() && !socket->take(std::exchange(c->in, {}))) return drop(c);
  give(c, nullptr, nullptr);
}

}  // namespace muster::http
