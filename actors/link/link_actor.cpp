#include "actors/link/link_actor.hpp"

#include "actors/link/basp/basp_inject.hpp"
#include "actors/link/tls/tls_stream.hpp"
#include "schemas/basic/metrics.hpp"
#include "schemas/basic/wall_clock.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <exception>
#include <functional>
#include <random>
#include <system_error>
#include <thread>

namespace muster::link {

namespace {

/// False: no thread can be had now. What a library throws in it ends it alone.
bool in_background(std::function<void()> work) {
  try {
    std::thread([work = std::move(work)] {
      try {
        work();
      } catch (const std::exception&) {
      }
    }).detach();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

using steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto tick_every = 200ms;
constexpr auto backoff_max = 1000ms;
constexpr auto knock_after = 2000ms;
constexpr auto clock_period = 5000ms;  // a beat that tells the time, whatever else was sent

std::uint64_t random_number() {
  static thread_local std::mt19937_64 engine{std::random_device{}()};
  return engine() | 1;
}

}  // namespace

link_driver::link_driver(caf::io::broker* self, link_settings with)
    : self_(self), with_(std::move(with)), next_knock_(steady::now()) {}

link_driver::~link_driver() {
  if (stream_) stream_->shutdown();
  with_.board->is_up = false;
}

/// How far the other's clock is ahead of ours, or behind.
void link_driver::note_clock(const codec::beat& beat) {
  if (beat.wall_ms != 0) with_.board->skew_ms = static_cast<std::int64_t>(beat.wall_ms - wall_ms());
}

/// The lower id dials: two members that dial each other at once would close both connections.
bool link_driver::dials() const { return with_.with->hello().member < with_.remote.id; }

void link_driver::on_tick() {
  const auto now = steady::now();
  if (session_) {
    const steady::time_point heard{steady::duration{with_.board->last_heard.load()}};
    if (now - heard > limits::link_silence_max) return close_session("silent");
    if (now >= next_beat_ || now >= next_clock_) {
      next_clock_ = now + clock_period;
      on_send(codec::link_body{codec::beat{wall_ms()}});
    }
    return;
  }
  if (stream_ && now - stream_since_ > limits::dial_deadline) close_stream();
  if (stream_ || dialling_) return;
  if (dials()) {
    if (now >= next_dial_) dial();
  } else if (now >= next_knock_) {
    next_knock_ = now + knock_after;
    (void)in_background([with = with_.with, to = with_.remote] { with->knock(to); });
  }
}

void link_driver::on_dial_at_once() {
  if (session_ || dialling_ || stream_ || !dials()) return;
  dial();
}

/// A connect can take its whole deadline, so each has a thread of its own.
void link_driver::dial() {
  dialling_ = true;
  auto self = caf::actor_cast<caf::actor>(self_);
  const bool begun = in_background([with = with_.with, to = with_.remote, self] {
    std::shared_ptr<tls::stream> made;
    try {
      if (auto stream = with->dial(to)) made = *std::move(stream);
    } catch (const std::exception&) {  // a library's: as if nobody had answered
    }
    caf::anon_send(self, stream_dialled{made});
  });
  if (!begun) on_dialled(nullptr);
}

void link_driver::on_dialled(const std::shared_ptr<tls::stream>& stream) {
  dialling_ = false;
  if (!stream) {
    next_dial_ = steady::now() + backoff_ + std::chrono::milliseconds(random_number() % 50);
    backoff_ = std::min<std::chrono::milliseconds>(backoff_ * 2, backoff_max);
    return;
  }
  if (session_ || stream_) return;
  auto on_close = adopt(stream);
  basp_connect(self_, stream, limits::dial_deadline, std::move(on_close),
               [this, number = stream_number_](const caf::actor& remote) {
                 if (number != stream_number_ || !stream_) return;
                 if (!remote) return close_stream();
                 offered_session_ = random_number();
                 say_hello(remote, offered_session_);
               });
}

void link_driver::on_accepted(const std::shared_ptr<tls::stream>& stream) {
  close_session("replaced by a new connection");
  close_stream();
  auto on_close = adopt(stream);
  basp_serve(self_->home_system(), stream, caf::actor_cast<caf::actor>(self_), std::move(on_close));
}

/// From here on this is the link's stream. Gives what is to be called at its end.
std::function<void()> link_driver::adopt(const std::shared_ptr<tls::stream>& stream) {
  stream_ = stream;
  stream_since_ = steady::now();
  return [self = caf::actor_cast<caf::actor>(self_), number = ++stream_number_] {
    caf::anon_send(self, stream_closed{number});
  };
}

void link_driver::say_hello(const caf::actor& remote, std::uint64_t session) {
  codec::link_message m;
  m.session = session;
  m.body = with_.with->hello();
  self_->send(remote, flat{codec::encode(m)}, caf::actor_cast<caf::actor>(self_));
}

/// The acceptor answers with its own hello under the dialler's number; then both are open.
void link_driver::on_hello(const flat& message, const caf::actor& remote) {
  auto m = codec::decode_link_message(message.words);
  if (!m || !std::holds_alternative<codec::hello>(m->body) || !stream_) return;
  const auto& theirs = std::get<codec::hello>(m->body);
  if (dials() && m->session != offered_session_) return;
  const auto own = with_.with->hello();
  if (is_other_epoch(own, theirs) && with_.with->on_other_epoch) {
    with_.with->on_other_epoch(with_.remote, own, theirs);
    if (!dials()) return say_hello(remote, m->session);  // the dialler is to hear why, and ends it
  }
  if (auto good = check_hello(own, theirs, with_.remote.id, seen_); !good) return close_stream();
  if (!dials()) say_hello(remote, m->session);
  open_session(remote, m->session, theirs);
}

void link_driver::open_session(const caf::actor& remote, std::uint64_t session,
                               const codec::hello& theirs) {
  close_session("replaced");
  seen_ = theirs.started;
  with_.board->level = theirs.level;
  remote_ = remote;
  self_->monitor(remote_);
  session_ = std::make_unique<session_window>(session);
  backoff_ = 50ms;
  next_beat_ = steady::now() + limits::link_beat_period;
  with_.board->last_heard = steady::now().time_since_epoch().count();
  with_.board->is_up.store(true, std::memory_order_release);
  counts().sessions_opened.fetch_add(1, std::memory_order_relaxed);
  with_.with->on_session(with_.remote.id, true);
}

void link_driver::close_session(const char*) {
  if (!session_) return;
  session_.reset();
  show_window();
  self_->demonitor(remote_);
  remote_ = nullptr;
  with_.board->closed = steady::now().time_since_epoch().count();
  with_.board->is_up.store(false, std::memory_order_release);
  counts().sessions_closed.fetch_add(1, std::memory_order_relaxed);
  close_stream();
  next_knock_ = steady::now() + knock_after;
  with_.with->on_session(with_.remote.id, false);
}

void link_driver::close_stream() {
  if (stream_) std::exchange(stream_, nullptr)->shutdown();
  next_dial_ = steady::now() + backoff_;
}

void link_driver::on_closed(std::uint64_t number) {
  if (number != stream_number_ || !stream_) return;
  stream_ = nullptr;
  next_dial_ = steady::now();
  close_session("closed");
}

void link_driver::on_remote_down(const caf::actor_addr& who) {
  if (remote_ && remote_.address() == who) close_session("down");
}

void link_driver::on_message(const flat& message) {
  if (!session_) return;
  auto m = codec::decode_link_message(message.words);
  if (!m) return close_session("damaged message");
  if (m->session != session_->number()) return;
  if (!session_->take(*m, message.words.size_bytes())) return close_session("out of order");
  with_.board->last_heard = steady::now().time_since_epoch().count();
  if (const auto* beat = std::get_if<codec::beat>(&m->body))
    note_clock(*beat);
  else
    with_.with->on_message(with_.remote.id,
                           std::make_shared<const codec::link_body>(std::move(m->body)));
  show_window();
  if (session_ && session_->owes_acknowledgement()) on_send(codec::link_body{codec::beat{}});
}

void link_driver::on_send(const codec::link_body& body) {
  if (!session_) return;
  codec::link_message m;
  m.session = session_->number();
  m.acknowledged = session_->received();
  m.sequence = session_->next_sequence();
  m.body = body;
  flat words{codec::encode(m)};
  if (!session_->admit(words.words.size_bytes())) {
    counts().link_messages_dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  show_window();
  session_->acknowledged_now();
  next_beat_ = steady::now() + limits::link_beat_period;
  self_->send(remote_, std::move(words));
}

void link_driver::sent(std::size_t queued_bytes) { with_.board->queued_bytes -= queued_bytes; }

void link_driver::show_window() {
  with_.board->unacknowledged_bytes = session_ ? session_->unacknowledged_bytes() : 0;
}

caf::behavior link_actor(caf::io::stateful_broker<link_state>* self, link_settings with) {
  self->state.drive = std::make_unique<link_driver>(self, std::move(with));
  auto* drive = self->state.drive.get();
  self->set_down_handler(
      [drive](const caf::down_msg& down) { drive->on_remote_down(down.source); });
  self->set_default_handler([](caf::scheduled_actor*, const caf::message_view&) {
    return caf::result<caf::message>{caf::sec::unexpected_message};
  });
  // CAF 0.17.6 does not close the mailbox of a broker that has ended: a message in it must not name
  // the broker as its sender, or both stay for ever.
  const auto tick_after = [self](std::chrono::milliseconds pause) {
    caf::delayed_anon_send(caf::actor_cast<caf::actor>(self), pause, link_tick{});
  };
  tick_after(1ms);
  return {
      [=](link_tick) {
        drive->on_tick();
        tick_after(tick_every);
      },
      [=](const body_to_send& m) {
        drive->on_send(*m.body);
        drive->sent(m.queued_bytes);
      },
      [=](const flat& m) { drive->on_message(m); },
      [=](const flat& m, const caf::actor& remote) { drive->on_hello(m, remote); },
      [=](const stream_accepted& m) { drive->on_accepted(m.stream); },
      [=](const stream_dialled& m) { drive->on_dialled(m.stream); },
      [=](const stream_closed& m) { drive->on_closed(m.number); },
      [=](dial_at_once) { drive->on_dial_at_once(); },
  };
}

}  // namespace muster::link
