#pragma once
#include "schemas/result.hpp"
#include "schemas/text_rules.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::http {

using clock = std::chrono::steady_clock;

/// Who is at the other end.
struct peer_info {
  bool is_unix = false;
  unsigned uid = 0;
  std::string fingerprint;  ///< of the client certificate; empty: none shown
  std::string certificate;  ///< PEM
  std::string address;      ///< host:port, or "@"
};

/// What the `{name}` parts of a route matched, by name; `{name...}` takes all that is left.
using captures = std::map<std::string, std::string>;

struct request;
struct response;
using handler = std::function<response(const request&, const captures&)>;

struct request : std::enable_shared_from_this<request> {
  std::string method;
  std::string target;                 ///< as sent: path and query
  std::string path;                   ///< as sent, without the query
  std::vector<std::string> segments;  ///< of the path, decoded
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  peer_info peer;
  clock::time_point arrived;
  std::string trace;  ///< request id, for log lines and commands
  captures found;     ///< by the route
  const handler* run = nullptr;  ///< of the route, if it has been looked up
  /// Uploads only: gives the body in parts.
  std::function<status(const std::function<status(std::string_view)>&)> read_body;

  [[nodiscard]] std::string header(const std::string& lower_name) const {
    const auto at = headers.find(lower_name);
    return at == headers.end() ? std::string{} : at->second;
  }
  [[nodiscard]] std::string parameter(const std::string& name) const {
    const auto at = query.find(name);
    return at == query.end() ? std::string{} : at->second;
  }
  /// For answers that come later.
  [[nodiscard]] std::shared_ptr<const request> keep() const { return shared_from_this(); }
};

/// Takes the answer: what makes it runs where the front can afford it. Any thread may call it.
using deliver = std::function<void(std::function<response()>)>;

struct response {
  int status = 200;
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers;
  std::string body;
  /// Instead of `body`: gives the next part, empty at the end; the answer is sent in chunks.
  std::function<result<std::string>()> parts;
  std::uint64_t parts_bytes = 0;  ///< whole size if it is known
  /// Instead of all others: begins what the answer waits for; must not block, calls back once.
  std::function<void(deliver)> later;
};

/// Bytes and counts beyond which a request is refused.
namespace bounds {
constexpr std::size_t head_bytes_max = 64u << 10;
constexpr std::size_t body_bytes_max = 1u << 20;         // kept
constexpr std::size_t quick_body_bytes_max = 64u << 10;  // read by the loop itself
constexpr std::size_t body_read_bytes_max = 16u << 20;   // read before the connection is closed
constexpr std::size_t connections_max = 8192;
constexpr std::size_t websocket_message_bytes_max = 1u << 20;
constexpr std::size_t websocket_queue_bytes_max = 4u << 20;
constexpr std::size_t workers_min = 4;
constexpr std::size_t workers_max = 448;
constexpr std::size_t tasks_waiting_max = 4096;
constexpr std::chrono::seconds handshake_time_max{3};
constexpr std::chrono::seconds head_time_max{10};
constexpr std::chrono::seconds idle_time_max{75};
constexpr std::chrono::seconds body_time_max{30};
constexpr std::chrono::seconds stop_time_max{5};    // for answers that others make
constexpr std::chrono::seconds later_time_max{15};  // more than any wait has behind it
}  // namespace bounds

/// %XX and, in queries, + are decoded; none if the escapes are damaged.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
using text_rules::percent_encode;
/// Fills path, segments and query from target. @errors errc::bad_request
status parse_target(request& r);

}  // namespace muster::http
