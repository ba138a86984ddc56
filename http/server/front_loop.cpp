#include "http/server/front_impl.hpp"

#include <pthread.h>

namespace muster::http {

void front::impl::run() {
  ::pthread_setname_np(::pthread_self(), "http");
  epoll_event events[128];
  auto swept = clock::now();
  std::optional<clock::time_point> stop_by;  // who has asked still gets an answer
  for (;;) {
    if (stopping_ && !stop_by) {
      stop_by = clock::now() + bounds::stop_time_max;
      answer_waiting();
    }
    if (stop_by && (asked_ == 0 || *stop_by < clock::now())) return;
    const int n = ::epoll_wait(epoll_, events, 128, stop_by ? 20 : 100);
    for (int i = 0; i < n; ++i) on_event(events[i].data.fd, events[i].events);
    take_delivered();
    end_pauses();
    if (clock::now() - swept < std::chrono::milliseconds(100)) continue;
    swept = clock::now();
    sweep();
  }
}

/// What a library throws ends the connection, not the loop.
void front::impl::guarded(const connection_ptr& c, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception&) {
    end_wait(c);
    drop(c);
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
  if (l) {
    try {
      accept_all(*l);
    } catch (const std::exception&) {
      pause(*l);
    }
    return;
  }
  if (!c || c->is_busy) return;
  guarded(c, [&] {
    if (c->socket) return on_socket_event(c, events);
    if (c->lingers) return throw_away(c);
    if (!c->is_shaken) return hand_over(c);
    if (c->asked) {  // what comes now waits for the answer before it
      if (c->waits && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
        end_wait(c);
        return drop(c);
      }
      if (c->is_watched) be_watched(c, false);
      return;
    }
    if (!c->out.empty() && !write_out(c)) return;
    serve(c);
  });
}

void front::impl::sweep() {
  std::vector<connection_ptr> due;
  const auto now = clock::now();
  {
    const std::lock_guard guard(lock_);
    for (const auto& [fd, c] : connections_)
      if (!c->is_busy && (c->socket || c->deadline < now)) due.push_back(c);
  }
  for (const auto& c : due) guarded(c, [&] { sweep_one(c, now); });
}

void front::impl::sweep_one(const connection_ptr& c, clock::time_point now) {
  if (c->socket) {
    if (!c->socket->tend(now)) drop(c);
    return;
  }
  if (!c->asked) return drop(c);
  const auto asked = c->asked;
  const auto waits = c->waits;
  end_wait(c);
  if (waits) {
    if (respond(c, safely(waits->at_deadline), asked->trace)) go_on(c);
    return;
  }
  c->must_close = true;
  respond(c, error(504, "no answer in time; look before you repeat it"), asked->trace);
}

/// Whoever waits for something long hears how it is now.
void front::impl::answer_waiting() {
  std::vector<connection_ptr> all;
  {
    const std::lock_guard guard(lock_);
    for (const auto& [fd, c] : connections_)
      if (!c->is_busy && c->asked && c->waits) all.push_back(c);
  }
  for (const auto& c : all) guarded(c, [&] { sweep_one(c, clock::now()); });
}

/// The last answer is out. A connection with unread bytes that is closed at once is reset, and the
/// client loses the answer.
void front::impl::say_goodbye(const connection_ptr& c) {
  c->lingers = true;
  c->in.clear();
  c->deadline = clock::now() + bounds::linger_time_max;
  c->stream->end_writing();
  c->is_watched = true;
  watch(c->stream->fd(), EPOLLIN | EPOLLRDHUP, EPOLL_CTL_MOD);
}

void front::impl::throw_away(const connection_ptr& c) {
  char part[65536];
  for (int i = 0; i < 16; ++i) {
    std::size_t n = 0;
    const auto got = c->stream->try_read(part, sizeof part, n);
    c->thrown_away += n;
    if (got == tls::io::closed || c->thrown_away > bounds::linger_bytes_max) return drop(c);
    if (got != tls::io::done) return;
  }
}

// --- quick requests

/// Registered once and left so: a connection costs no call a request.
void front::impl::be_watched(const connection_ptr& c, bool on) {
  if (on && c->is_watched) return;
  c->is_watched = on;
  const std::uint32_t write = (c->out.empty() ? 0U : EPOLLOUT) | (c->waits ? EPOLLRDHUP : 0U);
  watch(c->stream->fd(), on ? EPOLLIN | EPOLLRDHUP : write | EPOLLONESHOT, EPOLL_CTL_MOD);
}

/// Takes requests until one must be waited for, or others have waited long enough.
void front::impl::serve(const connection_ptr& c) {
  for (int answered = 0; answered < bounds::requests_a_turn;) {
    auto next = take_quick(*c, with_.is_quick, with_.admit);
    switch (next.what) {
      case taken::refused:
        c->must_close = true;
        respond(c, *next.answer);
        return;
      case taken::other:
        return hand_over(c);
      case taken::need_more:
        if (!read_more(c)) return;
        continue;
      case taken::quick:
        break;
    }
    ++answered;
    if (!answer_quickly(c, std::move(next.whole))) return;
    if (c->in.empty() && !c->stream->has_pending()) return be_watched(c, true);
  }
  be_watched(c, false);
  give(c, nullptr, nullptr);
}

/// After an answer that has gone out.
void front::impl::go_on(const connection_ptr& c) {
  if (c->in.empty() && !c->stream->has_pending())
    be_watched(c, true);
  else
    serve(c);
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
  wait_for(c, r, answer);
  return false;
}

void front::impl::wait_for(const connection_ptr& c, const std::shared_ptr<request>& r,
                           response& answer) {
  c->waits = answer.waits;
  c->deadline = c->waits ? c->waits->until : clock::now() + bounds::later_time_max;
  if (c->waits) be_watched(c, false);  // to hear of a client that goes
  answer.later([this, c, r](std::function<response()> make) { give(c, r, std::move(make)); });
}

void front::impl::end_wait(const connection_ptr& c) {
  if (!c->asked) return;
  c->asked = nullptr;
  --asked_;
  if (const auto waits = std::exchange(c->waits, nullptr); waits && waits->on_gone)
    waits->on_gone();
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
  for (const auto& d : all) guarded(d.to, [&] { take_one(d); });
}

void front::impl::take_one(const delivered& d) {
  const auto& c = d.to;
  if (!d.make) {
    c->is_busy = false;
    {
      const std::lock_guard guard(lock_);
      c->socket = std::exchange(c->upgraded, nullptr);
    }
    if (c->socket) return on_socket_event(c, 0);
    return c->must_close ? say_goodbye(c) : serve(c);
  }
  if (c->asked != d.of) return;  // answered at its deadline
  auto answer = safely(d.make);
  if (answer.later) return wait_for(c, d.of, answer);
  end_wait(c);
  if (respond(c, answer, d.of->trace)) go_on(c);
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
  if (c->must_close) say_goodbye(c);
  return !c->must_close;
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

}  // namespace muster::http
