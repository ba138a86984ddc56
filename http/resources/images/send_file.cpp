#include "http/resources/images/send_file.hpp"

#include "http/message/envelope.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <sys/stat.h>

namespace muster::http {

namespace {

constexpr std::size_t file_part_bytes = 1u << 18;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || bad != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return n;
}

std::string http_time(std::time_t at) {
  std::tm parts{};
  char text[40];
  ::gmtime_r(&at, &parts);
  return std::string(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
}

}  // namespace

std::optional<byte_range> range_of(const std::string& header, std::uint64_t size) {
  constexpr std::string_view unit = "bytes=";
  const auto dash = header.find('-');
  if (!header.starts_with(unit) || header.find(',') != std::string::npos ||
      dash == std::string::npos || size == 0)
    return std::nullopt;
  const auto from = std::string_view(header).substr(unit.size(), dash - unit.size());
  const auto to = std::string_view(header).substr(dash + 1);
  const auto end = number(to);
  if (!end && !to.empty()) return std::nullopt;
  if (from.empty()) {
    if (!end) return std::nullopt;
    if (*end == 0) return byte_range{1, 0};
    return byte_range{size - std::min(*end, size), size - 1};
  }
  const auto begin = number(from);
  if (!begin || (end && *end < *begin)) return std::nullopt;
  if (*begin >= size) return byte_range{1, 0};
  return byte_range{*begin, end ? std::min(*end, size - 1) : size - 1};
}

response send_file(const request& r, const std::string& path) {
  auto file = std::shared_ptr<std::FILE>(std::fopen(path.c_str(), "rbe"), [](std::FILE* f) {
    if (f) std::fclose(f);
  });
  struct stat about {};
  if (!file || ::fstat(::fileno(file.get()), &about) != 0)
    return error(404, "the image file is not on this member");
  const auto size = static_cast<std::uint64_t>(about.st_size);
  response out;
  out.content_type = "application/octet-stream";
  out.headers["Accept-Ranges"] = "bytes";
  out.headers["Last-Modified"] = http_time(about.st_mtime);
  out.parts_bytes = size;
  if (const auto range = range_of(r.header("range"), size)) {
    if (range->first > range->last) {
      auto none = error(416, "the range lies behind the end");
      none.headers["Content-Range"] = "bytes */" + std::to_string(size);
      return none;
    }
    out.status = 206;
    out.headers["Content-Range"] = "bytes " + std::to_string(range->first) + "-" +
                                   std::to_string(range->last) + "/" + std::to_string(size);
    out.parts_bytes = range->last - range->first + 1;
    std::fseek(file.get(), static_cast<long>(range->first), SEEK_SET);
  }
  out.parts = [file, left = out.parts_bytes]() mutable -> result<std::string> {
    std::string part(static_cast<std::size_t>(std::min<std::uint64_t>(left, file_part_bytes)),
                     '\0');
    part.resize(std::fread(part.data(), 1, part.size(), file.get()));
    if (std::ferror(file.get()) || (part.empty() && left != 0))
      return fail(errc::unavailable, "the image file cannot be read");
    left -= part.size();
    return part;
  };
  return out;
}

}  // namespace muster::http
