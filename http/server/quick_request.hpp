#pragma once
#include "http/message/head.hpp"
#include "http/server/connection.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace muster::http {

/// What the bytes at the front of a connection come to.
enum class taken : std::uint8_t {
  need_more,  ///< the head, or a body that the loop reads, is not whole
  refused,    ///< by its head; the connection ends with the answer
  other,      ///< a request for a worker; nothing was consumed, `head_bytes` is set
  quick       ///< a whole quick request; its bytes are consumed
};
struct take_result {
  taken what = taken::need_more;
  std::shared_ptr<request> whole;
  std::optional<response> answer;  ///< refused
};

using quick_test = std::function<bool(request&)>;
using admit_test = std::function<admission(request&)>;

/// Takes a plain request of a quick route from `c.in`: one whose body is small and has a
/// Content-Length. For others it reads small bodies, so that no worker waits for them, and makes
/// the head one that cpp-httplib reads as we do.
take_result take_quick(connection& c, const quick_test& is_quick, const admit_test& admit = {});

/// Head and body of an answer whose body is whole.
std::string to_bytes(const response& r, bool keep_alive, const std::string& trace = {});

}  // namespace muster::http
