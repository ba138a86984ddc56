#pragma once
#include "http/config/keys.hpp"
#include "schemas/records.hpp"

#include <optional>

/// The keys of the server's configuration: scope, type, default, texts of what is wrong. Pure.
namespace muster::http {

/// A change as it is stored: an empty value unsets. What equals its default is not stored.
struct config_change {
  string_map global;  ///< of the cluster
  string_map own;     ///< of the member that was asked
};

/// As `checked_config` knows them: it looks at the values in its own words.
const std::vector<config_key>& server_keys();
/// Keys whose meaning lies elsewhere: where the server listens.
bool is_address_key(const std::string& key);
/// @errors errc::bad_request: the first of the wrong keys in Incus's words, and how many more.
result<config_change> checked_config(const string_map& sent);

/// "3H 30M": each unit of S M H d w m y once; a month has 30 days, a year 365.
std::optional<std::uint64_t> expiry_ms(std::string_view text);

}  // namespace muster::http
