#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace muster::http {

/// What a key that is accepted does.
enum class effect : unsigned char {
  acts,   ///< at once
  start,  ///< at the next start of the instance
  none    ///< nothing yet: it is kept, and listed in docs/no-effect-yet.md
};

/// A configuration key. `name` ending in "." means all behind it.
struct config_key {
  std::string_view name;
  bool (*is_valid)(std::string_view value);
  effect does;
};

/// What values of several tables are.
namespace values {
bool any(std::string_view value);
bool flag(std::string_view value);
bool count(std::string_view value);
bool size(std::string_view value);  ///< of bytes, with a unit or without
}  // namespace values

/// Every key that is checked and kept, and does nothing yet, as docs/no-effect-yet.md lists it.
std::vector<std::string> keys_without_effect();

}  // namespace muster::http
