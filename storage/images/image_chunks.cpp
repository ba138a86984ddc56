#include "storage/images/image_chunks.hpp"

#include "schemas/basic/units.hpp"
#include "storage/disk/descriptor.hpp"
#include "storage/disk/sha256.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>

namespace muster::storage {

namespace {

constexpr std::uint64_t size_bytes_max = 64ULL << 30;
constexpr std::size_t digest_bytes = 32;

std::size_t count_of(std::uint64_t size_bytes) {
  return static_cast<std::size_t>((size_bytes + image_chunks::chunk_bytes - 1) /
                                  image_chunks::chunk_bytes);
}

}  // namespace

std::uint64_t image_chunks::bytes_of(std::size_t n) const {
  return std::min(chunk_bytes, size_bytes - n * chunk_bytes);
}

result<image_chunks> describe_image(const std::string& path) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return fail(errc::unavailable, path + ": " + std::strerror(errno));
  image_chunks all;
  std::string part(image_chunks::chunk_bytes, '\0');
  for (;;) {
    const auto got = read_at(file.fd, all.size_bytes, part.data(), part.size());
    if (!got) return fail(errc::unavailable, path + " cannot be read");
    if (*got == 0) return all;
    all.size_bytes += *got;
    all.digests.push_back(sha256({part.data(), *got}));
  }
}

std::string to_text(const image_chunks& chunks) {
  std::string text = std::to_string(chunks.size_bytes) + "\n";
  for (const auto& digest : chunks.digests) text += digest;
  return text;
}

result<image_chunks> parse_chunks(std::string_view text) {
  const auto bad = fail(errc::corrupt, "what a member says of an image file is damaged");
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return bad;
  const auto size = units::number(text.substr(0, end), size_bytes_max);
  text.remove_prefix(end + 1);
  if (!size || text.size() != count_of(*size) * digest_bytes) return bad;
  image_chunks all;
  all.size_bytes = *size;
  for (; !text.empty(); text.remove_prefix(digest_bytes))
    all.digests.emplace_back(text.substr(0, digest_bytes));
  return all;
}

}  // namespace muster::storage
