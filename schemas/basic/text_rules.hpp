#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/records.hpp"

#include <string_view>

/// What names and values of one line may hold, for every table and for every writer of a file, an
/// argument or an environment.
namespace muster::text_rules {

/// Valid UTF-8 without control characters (U+0000–U+001F, U+007F–U+009F).
bool is_line(std::string_view text);
/// As `is_line`, but line ends and tabs are allowed.
bool is_text(std::string_view text);
/// Whether values of this configuration key may have several lines.
bool may_have_lines(std::string_view key);

/// ASCII letters only, as names of headers and words of a protocol are compared.
std::string lower(std::string_view text);

/// For a part of a URL.
std::string percent_encode(std::string_view text);

/// 1 to limits::label_bytes_max bytes of one line. @errors errc::bad_request "Invalid WHAT …"
status check_name(std::string_view what, std::string_view name);
/// As `check_name`, without slashes, neither "." nor "..": a part of a path of the API.
status check_path_name(std::string_view what, std::string_view name);
/// Keys and values. @errors errc::bad_request, names the key.
status check_config(const string_map& config);
/// Names, keys and values, each of one line.
status check_devices(const device_map& devices);

}  // namespace muster::text_rules
