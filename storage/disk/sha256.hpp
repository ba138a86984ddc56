#pragma once
#include <string>
#include <string_view>

namespace muster {

/// 32 bytes.
std::string sha256(std::string_view bytes);
/// Lower case, two digits a byte.
std::string hex(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);

}  // namespace muster
