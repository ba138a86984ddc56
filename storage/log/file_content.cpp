#include "storage/log/file_content.hpp"

#include "storage/disk/descriptor.hpp"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <sys/stat.h>
#include <utility>

namespace muster::storage {

result<file_content> file_content::open(const std::string& path) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat is {};
  if (file.fd < 0 || ::fstat(file.fd, &is) != 0)
    return fail(errc::corrupt, "cannot read " + path + ": " + std::strerror(errno));
  const auto size_bytes = static_cast<std::size_t>(is.st_size);
  if (size_bytes == 0) return file_content(nullptr, 0);
  void* memory =
      ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUSTER_ENSURE(memory != MAP_FAILED, "there is memory for a file of the log");
  file_content content(static_cast<char*>(memory), size_bytes);
  for (std::size_t at = 0; at < size_bytes;) {
    const auto n = ::pread(file.fd, content.data_ + at, size_bytes - at, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errc::corrupt, "cannot read " + path + ": " + std::strerror(errno));
    if (n == 0) break;  // shorter meanwhile: zeros follow
    at += static_cast<std::size_t>(n);
  }
  return content;
}

file_content::file_content(file_content&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_bytes_(other.size_bytes_) {}

file_content::~file_content() {
  if (data_) ::munmap(data_, size_bytes_);
}

}  // namespace muster::storage
