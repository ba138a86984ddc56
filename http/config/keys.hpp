#pragma once
#include "schemas/basic/result.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace muster::http {

/// What a key that is known does.
enum class effect : unsigned char {
  acts,    ///< at once
  start,   ///< at the next start of the instance
  none,    ///< nothing yet: it is kept, and listed in docs/no-effect-yet.md
  refused  ///< nothing yet, and to keep it would promise what is not there
};

/// What values a key takes.
struct value_kind {
  std::string_view type;  ///< as /1.0/metadata/configuration names it
  bool (*is_valid)(std::string_view value);
};

/// A configuration key. `name` ending in "." means all behind it.
struct config_key {
  std::string_view name;
  value_kind takes;
  effect does;
  std::string_view about;
  std::string_view by_default{};
};

/// The key of a table that `key` is; null: none.
const config_key* find_key(std::span<const config_key> all, std::string_view key);
/// What keys that are refused are told. @errors errc::bad_request
failure not_yet(std::string_view key);

/// What values of several tables are.
namespace values {
bool is_any(std::string_view value);
bool is_flag(std::string_view value);
bool is_count(std::string_view value);
bool is_size(std::string_view value);
bool is_seconds(std::string_view value);
bool is_priority(std::string_view value);

constexpr value_kind any{"string", is_any};
constexpr value_kind flag{"bool", is_flag};
constexpr value_kind count{"integer", is_count};
constexpr value_kind size{"string", is_size};  ///< of bytes, with a unit or without
constexpr value_kind seconds{"integer", is_seconds};
constexpr value_kind priority{"integer", is_priority};  ///< 0 to 10
}  // namespace values

/// Keys of one kind of object, or of one kind of it ("disk", "bridge").
struct key_table {
  std::string_view of;  ///< "instance", "devices", "network-bridge"
  std::string_view
      kind;  ///< "disk" of devices; "common", or the same as `of`, where there is but one
  std::vector<config_key> keys;
};
/// All there are: what docs/no-effect-yet.md and /1.0/metadata/configuration are made of.
const std::vector<key_table>& all_key_tables();
/// Every key that is checked and kept, and does nothing yet, as docs/no-effect-yet.md lists it.
std::vector<std::string> keys_without_effect();
/// The tables in the shape of Incus's /1.0/metadata/configuration.
std::string configuration_json();

}  // namespace muster::http
