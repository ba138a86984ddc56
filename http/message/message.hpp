#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/basic/text_rules.hpp"

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
struct route;
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
  std::string trace;           ///< request id, for log lines and commands
  captures found;              ///< by the route
  const route* way = nullptr;  ///< none: no such method, or `is_nowhere`
  bool is_nowhere = false;     ///< no such path
  std::string view;  ///< "containers" or "virtual-machines": instances asked for by an old name
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

/// Of an answer that may be long in coming.
struct patience {
  clock::time_point until;
  std::function<response()> at_deadline;
  std::function<void()> on_gone;  ///< nobody waits any more
};

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
  std::shared_ptr<const patience> waits;  ///< with `later`; none: bounds::later_time_max, then 504
};

/// What may be said on a request's head alone.
struct admission {
  std::optional<response> refusal;
  std::size_t body_bytes_max = static_cast<std::size_t>(-1);
  bool is_stranger = false;  ///< no worker waits for its bytes
};

/// Bytes and counts beyond which a request is refused.
namespace bounds {
constexpr std::size_t head_bytes_max = 64u << 10;
constexpr std::size_t body_bytes_max = 1u << 20;          // kept
constexpr std::size_t quick_body_bytes_max = 64u << 10;   // read by the loop itself
constexpr std::size_t path_bytes_max = 512;               // httplib matches it with std::regex
constexpr std::size_t line_bytes_max = 8000;              // of a head; httplib takes 8192
constexpr std::size_t linger_bytes_max = 32u << 20;       // thrown away behind a last answer
constexpr std::size_t body_bytes_per_second = 16u << 10;  // slower than this is not waited for
constexpr std::size_t connections_max = 8192;
constexpr std::size_t descriptors_kept = 512;  // for stores, links and helpers
constexpr std::size_t strangers_max = 1024;
constexpr std::size_t strangers_of_one_max = 64;  // of one address
constexpr int requests_a_turn = 16;
constexpr std::size_t websocket_message_bytes_max = 1u << 20;
constexpr std::size_t websocket_queue_bytes_max = 4u << 20;
constexpr std::size_t workers_min = 4;
constexpr std::size_t workers_max = 448;
constexpr std::size_t shakers_max = 4;
constexpr std::size_t tasks_waiting_max = 4096;
constexpr std::chrono::seconds handshake_time_max{3};
constexpr std::chrono::seconds head_time_max{10};
constexpr std::chrono::seconds idle_time_max{75};
constexpr std::chrono::seconds body_time_min{10};  // and as long as its bytes take
constexpr std::chrono::seconds body_time_max{30};  // without a byte
constexpr std::chrono::seconds linger_time_max{5};
constexpr std::chrono::milliseconds accept_pause{100};  // when no descriptor is left
constexpr std::chrono::seconds websocket_ping_period{10};
constexpr std::chrono::seconds websocket_goodbye_max{10};
constexpr std::chrono::seconds stop_time_max{5};    // for answers that others make
constexpr std::chrono::seconds later_time_max{15};  // more than any wait has behind it
}  // namespace bounds

/// %XX and, in queries, + are decoded; none if the escapes are damaged, or stand for NUL.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
using text_rules::percent_encode;
/// Fills path, segments and query from target. @errors errc::bad_request
status parse_target(request& r);

}  // namespace muster::http
