#pragma once
#include "schemas/basic/result.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace muster::tls {
class stream;
}

namespace muster::http {

enum class ws_op : unsigned char { more = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// The server's end of a WebSocket (RFC 6455). Holds no thread: the front's loop reads it; any
/// thread may send. Callbacks run on the loop and must not block.
class websocket {
public:
  /// `want_write` asks the loop to call `write_more` when the socket takes bytes again.
  websocket(std::shared_ptr<tls::stream> on, std::function<void()> want_write);

  /// Set both before the socket is handed to the loop.
  std::function<void(ws_op, std::string)> on_message;
  std::function<void()> on_close;

  /// Queues a message; false once closed, or if the peer takes nothing and the queue is full: the
  /// socket is then closed.
  bool send(ws_op op, std::string_view data);
  /// Says goodbye with a code of RFC 6455 §7.4 and ends the connection once that is out.
  void close(unsigned code = 1000, std::string_view why = {});
  [[nodiscard]] bool is_open() const;
  /// Bytes queued and not yet taken by the peer: senders of much wait while it is long.
  [[nodiscard]] std::size_t backlog_bytes() const;
  /// Stops or goes on reading: whoever takes messages slower than they come says so.
  void pause(bool on);
  [[nodiscard]] bool is_paused() const { return paused_; }

  // For the loop only. False: the connection is over.
  bool take(std::string_view bytes);
  bool write_more();
  [[nodiscard]] bool wants_write() const;
  void ended();
  /// Asks a quiet peer whether it is there; false once it has not taken a goodbye in time.
  bool tend(std::chrono::steady_clock::time_point now);

private:
  bool take_frame(bool& whole);
  bool take_control(ws_op op, std::string payload);
  bool fail_with(unsigned code);
  bool queue(ws_op op, std::string_view data);
  bool flush();

  std::shared_ptr<tls::stream> on_;
  std::function<void()> want_write_;
  mutable std::mutex lock_;
  std::string out_;
  std::size_t written_ = 0;                          ///< of `out_`
  std::chrono::steady_clock::time_point last_sent_;  ///< or the goodbye
  bool closing_ = false;
  bool ended_ = false;
  std::atomic<bool> paused_{false};
  std::string in_;       ///< bytes of frames not yet whole
  std::string message_;  ///< fragments so far
  ws_op message_op_ = ws_op::more;
};

/// Value of Sec-WebSocket-Accept for a key.
std::string websocket_accept(std::string_view key);

}  // namespace muster::http
