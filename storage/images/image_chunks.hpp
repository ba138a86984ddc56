#pragma once
#include "schemas/basic/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::storage {

/// How an image file is cut for the way to other members: the SHA-256 of each MiB. The fingerprint
/// of the whole decides in the end.
struct image_chunks {
  static constexpr std::uint64_t chunk_bytes = 1u << 20;
  std::uint64_t size_bytes = 0;
  std::vector<std::string> digests;  ///< 32 bytes each

  [[nodiscard]] std::uint64_t bytes_of(std::size_t n) const;
  bool operator==(const image_chunks&) const = default;
};

/// Reads the whole file. @errors errc::unavailable
result<image_chunks> describe_image(const std::string& path);
std::string to_text(const image_chunks& chunks);
/// @errors errc::corrupt
result<image_chunks> parse_chunks(std::string_view text);

}  // namespace muster::storage
