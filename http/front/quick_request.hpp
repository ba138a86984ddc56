#pragma once
#include "http/front/connection.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace muster::http {

/// What the bytes at the front of a connection come to.
enum class taken : std::uint8_t {
  need_more,  ///< the head, or a quick request's body, is not whole
  too_long,   ///< no end of the head within its bound
  other,      ///< a request for a worker; nothing was consumed, `head_bytes` is set
  quick       ///< a whole quick request; its bytes are consumed
};
struct take_result {
  taken what = taken::need_more;
  std::shared_ptr<request> whole;
};

/// Takes a plain HTTP/1.1 request of a quick route from `c.in`: one whose body is small and has a
/// Content-Length, without anything that changes how the connection goes on.
take_result take_quick(connection& c, const std::function<bool(request&)>& is_quick);

/// Request line and headers; the body is not looked at. @errors errc::bad_request
result<std::shared_ptr<request>> parse_head(std::string_view head, const peer_info& peer);

/// Head and body of an answer whose body is whole.
std::string to_bytes(const response& r, bool keep_alive, const std::string& trace = {});

}  // namespace muster::http
