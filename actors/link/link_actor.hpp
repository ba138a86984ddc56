#pragma once
#include "actors/link/flat.hpp"
#include "actors/link/links.hpp"

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/io/broker.hpp>

#include <atomic>

namespace muster::link {

/// What others may see of a link without asking its actor.
struct link_board {
  std::atomic<bool> is_up{false};
  std::atomic<std::chrono::steady_clock::rep> last_heard{0};
  std::atomic<std::chrono::steady_clock::rep> closed{0};  ///< the last session
  std::atomic<std::int64_t> skew_ms{0};
  std::atomic<std::uint32_t> level{0};
  std::atomic<std::size_t> queued_bytes{0};          ///< of writes, before they are sent
  std::atomic<std::size_t> unacknowledged_bytes{0};  ///< of the session
};

struct link_settings {
  peer remote;
  std::shared_ptr<const links_settings> with;
  std::shared_ptr<link_board> board;
};

// Messages of the link actor.
struct stream_accepted {
  std::shared_ptr<tls::stream> stream;
};
struct stream_dialled {
  std::shared_ptr<tls::stream> stream;
};  ///< null: nobody answered
struct stream_closed {
  std::uint64_t number = 0;
};
struct body_to_send {
  std::shared_ptr<const codec::link_body> body;
  std::size_t queued_bytes = 0;  ///< counted in the board
};
struct dial_at_once {};
struct link_tick {};

/// Drives the session to one member: dials or waits, says hello, numbers messages, watches silence.
/// From the remote side it takes (flat, actor) = hello with the handle to answer to, and (flat) = a
/// message.
class link_driver {
public:
  link_driver(caf::io::broker* self, link_settings with);
  ~link_driver();
  void on_tick();
  void on_accepted(const std::shared_ptr<tls::stream>& stream);
  void on_dialled(const std::shared_ptr<tls::stream>& stream);
  void on_closed(std::uint64_t number);
  void on_remote_down(const caf::actor_addr& who);
  void on_hello(const flat& message, const caf::actor& remote);
  void on_message(const flat& message);
  void on_send(const codec::link_body& body);
  /// What was counted as queued is no more.
  void sent(std::size_t queued_bytes);
  void on_dial_at_once();

private:
  void dial();
  std::function<void()> adopt(const std::shared_ptr<tls::stream>& stream);
  void say_hello(const caf::actor& remote, std::uint64_t session);
  void open_session(const caf::actor& remote, std::uint64_t session, const codec::hello& theirs);
  void close_session(const char* why);
  void close_stream();
  void show_window();
  void note_clock(const codec::beat& beat);
  [[nodiscard]] bool dials() const;

  caf::io::broker* self_;
  link_settings with_;
  std::shared_ptr<tls::stream> stream_;  ///< with BASP; null: none
  std::uint64_t stream_number_ = 0;      ///< of the last one
  caf::actor remote_;
  std::unique_ptr<session_window> session_;
  std::uint64_t offered_session_ = 0;  ///< dialler: number in our hello
  incarnation seen_;
  bool dialling_ = false;
  std::chrono::steady_clock::time_point next_dial_;
  std::chrono::steady_clock::time_point stream_since_;
  std::chrono::steady_clock::time_point next_beat_;
  std::chrono::steady_clock::time_point next_clock_;
  std::chrono::steady_clock::time_point next_knock_;
  std::chrono::milliseconds backoff_{50};
};

struct link_state {
  std::unique_ptr<link_driver> drive;
  static inline const char* name = "link";
};

/// A broker that owns no connection, see raft_actor.
caf::behavior link_actor(caf::io::stateful_broker<link_state>* self, link_settings with);

}  // namespace muster::link

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::link::stream_accepted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::link::stream_dialled)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::link::stream_closed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::link::body_to_send)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::link::dial_at_once)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::link::link_tick)
