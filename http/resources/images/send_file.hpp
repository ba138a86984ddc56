#pragma once
#include "http/message/message.hpp"

namespace muster::http {

/// One range of a Range header.
struct byte_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
/// None: the whole is sent, as for headers that name several or cannot be read. What lies behind
/// the end gives first > last.
std::optional<byte_range> range_of(const std::string& header, std::uint64_t size);

/// A file in parts, or one range of it. 404 if it is not there.
response send_file(const request& r, const std::string& path);

}  // namespace muster::http
