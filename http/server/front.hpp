#pragma once
#include "http/message/message.hpp"
#include "http/message/websocket.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace muster::tls {
class stream;
class server_contexts;
}  // namespace muster::tls

namespace muster::http {

/// What becomes of a request to speak another protocol. Exactly one is set.
struct upgrade_answer {
  std::optional<response> refusal;
  std::function<void(std::shared_ptr<tls::stream>)> take_stream;
  std::function<void(std::shared_ptr<websocket>)> take_websocket;
};

struct front_settings {
  /// Runs on a worker and may wait, within its own deadlines; quick requests run in the loop.
  std::function<response(request&)> handle;
  /// Whether `handle` never blocks for it.
  std::function<bool(request&)> is_quick;
  std::function<upgrade_answer(const std::string& protocol, request&)> on_upgrade;
  /// Requests whose body is not kept but given in parts.
  std::function<bool(const std::string& method, const std::string& path)> is_upload;
  /// Asked on the loop before a body is read; must not block. None: all are let in.
  std::function<admission(request&)> admit = {};
  /// Whether nobody knows who shook hands.
  std::function<bool(const peer_info&)> is_stranger = {};
};

/// Listeners, connections and workers. One thread watches all sockets and answers quick requests
/// itself; a connection holds a worker only while another request of it is answered. Thread-safe.
class front {
public:
  explicit front(front_settings with);
  ~front();
  front(const front&) = delete;
  front& operator=(const front&) = delete;

  /// Host may be a wildcard; port 0 takes a free one. Gives the port.
  result<int> listen_tls(const std::string& host_port, std::shared_ptr<tls::server_contexts> shown);
  status listen_unix(const std::string& path);
  /// Of the address it was opened with. Connections go on.
  void stop_listening(const std::string& host_port);
  /// A certificate or member is gone: whoever showed it is cut off, and who was passed on for it.
  void close_connections_of(const std::string& fingerprint);
  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] std::size_t threads() const;
  /// Waits for nobody longer than bounds::stop_time_max and a little.
  void stop();

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace muster::http
