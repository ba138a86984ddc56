#pragma once
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace muster::storage {

struct descriptor {
  int fd = -1;
  explicit descriptor(int opened) : fd(opened) {}
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

/// As many bytes as there are from there on, at most `size`; none: the file cannot be read.
inline std::optional<std::size_t> read_at(int fd, std::uint64_t from, char* to, std::size_t size) {
  std::size_t got = 0;
  while (got < size) {
    const auto n = ::pread(fd, to + got, size - got, static_cast<off_t>(from + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  return got;
}

}  // namespace muster::storage
