#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

/// What libFuzzer calls with bytes that it makes up, and the replay with those of the corpus.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace muster::fuzz {

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A property that holds for whatever bytes came.
[[noreturn]] inline void broken() { __builtin_trap(); }
inline void expect(bool holds) {
  if (!holds) broken();
}

}  // namespace muster::fuzz
