#pragma once
#include "http/message/message.hpp"

#include <memory>

namespace muster::http {

/// Request line and headers; the body is not looked at. @errors errc::bad_request
result<std::shared_ptr<request>> parse_head(std::string_view head, const peer_info& peer);

/// Where a request ends, for all who read it.
struct framing {
  std::size_t body_bytes = 0;
  bool is_chunked = false;
  bool has_length = false;
  bool may_keep = true;  ///< the connection goes on
};

/// What the head says of the body, or the answer to a head that could be read in two ways, or that
/// cpp-httplib would answer by itself. @errors with the status beside the text
struct head_answer {
  framing frame;
  std::optional<response> refusal;
};
head_answer look_at_head(std::string_view head, const request& r);

/// The head as cpp-httplib gets it: without Range, and with a length where there is no body.
std::string fenced(std::string_view head, const request& r, const framing& frame);

}  // namespace muster::http
