#pragma once
#include "schemas/basic/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::node {

/// What the stock client prints for `cluster add`: base64 of a JSON object. Trust tokens have the
/// same form with client_name in place of server_name.
struct join_token {
  std::string server_name;
  std::string client_name;
  std::string fingerprint;  ///< SHA-256 of the certificate that clients are shown
  std::vector<std::string> addresses;
  std::string secret;
  std::string expires_at;  ///< RFC 3339; empty: never
};

std::string encode(const join_token& t);
/// @errors errc::bad_request with what is missing.
result<join_token> decode_join_token(std::string_view text);

/// RFC 3339 with nanoseconds, UTC: 2026-11-23T22:02:20.155000000Z.
std::string rfc3339(std::uint64_t ms);
/// The same back, with any fraction and zone; what lies before the epoch is 0. None if it is no
/// such text.
std::optional<std::uint64_t> ms_of_rfc3339(const std::string& text);

/// The text of an error answer of the API; the whole body if it is none.
std::string error_text(const std::string& body);

}  // namespace muster::node
