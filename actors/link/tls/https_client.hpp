#pragma once
#include "actors/link/tls/tls_stream.hpp"

#include <functional>
#include <map>
#include <string>

namespace muster::tls {

/// One request on one connection.
struct http_request {
  std::string method = "GET";
  std::string target;  ///< path and query
  std::string host = "muster";
  std::map<std::string, std::string> headers;
  std::string body;
};

struct http_response {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< empty if it went to `take`
};

struct http_options {
  clock::time_point deadline;
  std::size_t body_bytes_max = 64u << 20;
  /// Takes the body of a 2xx answer in parts instead of keeping it.
  std::function<status(std::string_view)> take;
  /// Without a byte for so long it is over, too.
  clock::duration silence_max = clock::duration::max();
};

/// @errors errc::unavailable if nothing was sent; errc::unknown_outcome once the request was.
result<http_response> ask(stream& on, const http_request& request, const http_options& with);

/// Sends an upgrade and gives back the stream behind the 101. Any other answer: errc::forbidden
/// with its text.
status upgrade(stream& on, const http_request& request, const std::string& protocol,
               clock::time_point deadline);

}  // namespace muster::tls
