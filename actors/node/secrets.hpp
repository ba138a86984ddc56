#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/basic/strong.hpp"

#include <string>
#include <string_view>

/// Chance and cryptography in small words. OpenSSL stays in secrets.cpp.
namespace muster::node {

std::string random_bytes(std::size_t count);
/// Lower hex of `count` random bytes.
std::string random_hex(std::size_t count);
std::uint64_t random_number();
std::string base64(std::string_view bytes);
/// @errors errc::bad_request if it is not base64.
result<std::string> unbase64(std::string_view text);

/// AES-256-GCM under a key derived from `key_pem` (HKDF-SHA-256), base64. Every member can open it.
std::string seal(std::string_view secret, std::string_view key_pem);
/// @errors errc::corrupt if it was sealed under another key or damaged.
result<std::string> unseal(std::string_view sealed, std::string_view key_pem);

/// A random UUID (version 8) whose last 6 bytes name the member it lives on.
std::string make_uuid(member_id at);
/// The member named by such a UUID; none if it is not one.
member_id member_of_uuid(std::string_view uuid);

}  // namespace muster::node
