#include "storage/log/log_file.hpp"

#include "storage/disk/log_pace.hpp"
#include "storage/identity.hpp"
#include "storage/log/log_record.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>

namespace muster::storage {

namespace {

failure refused(const std::string& path) {
  return fail(errc::corrupt, "the disk refused a write to " + path + ": " + std::strerror(errno));
}

std::size_t block_of(std::size_t offset) {
  return offset / log_file::block_bytes * log_file::block_bytes;
}
std::size_t whole_blocks(std::size_t bytes) { return block_of(bytes + log_file::block_bytes - 1); }

status put(int fd, const std::string& path, std::string_view bytes, std::size_t offset) {
  while (!bytes.empty()) {
    const auto n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refused(path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::size_t>(n);
  }
  return ok();
}

status put_zeros(int fd, const std::string& path, std::size_t from, std::size_t to) {
  const std::string zeros(64u << 10, '\0');
  for (; from < to; from += std::min(zeros.size(), to - from))
    if (auto done = put(fd, path, std::string_view(zeros).substr(0, to - from), from); !done)
      return done;
  return ::fsync(fd) == 0 ? ok() : status(refused(path));
}

}  // namespace

std::string log_file::path_of(const std::string& folder, std::uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "/%016llx.log", static_cast<unsigned long long>(number));
  return folder + name;
}

log_file::log_file(int fd, std::string path, std::uint64_t number, std::size_t size_bytes)
    : file_(fd), path_(std::move(path)), number_(number), size_bytes_(size_bytes) {
  make_room(16 * block_bytes);
}

result<std::unique_ptr<log_file>> log_file::make(const std::string& folder, std::uint64_t number,
                                                 std::size_t size_bytes) {
  const auto path = path_of(folder, number);
  const auto size = whole_blocks(size_bytes);
  {
    const descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.fd < 0) return refused(path);
    if (auto filled = put_zeros(file.fd, path, 0, size); !filled) return filled.error();
  }
  if (auto synced = sync_directory(folder); !synced) return synced.error();
  return open(folder, number, size, {});
}

status log_file::cut(const std::string& folder, std::uint64_t number, std::size_t end) {
  const auto path = path_of(folder, number);
  const descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  struct stat is {};
  if (file.fd < 0 || ::fstat(file.fd, &is) != 0) return refused(path);
  return put_zeros(file.fd, path, end, static_cast<std::size_t>(is.st_size));
}

result<std::unique_ptr<log_file>> log_file::open(const std::string& folder, std::uint64_t number,
                                                 std::size_t size_bytes, std::string_view written) {
  const auto path = path_of(folder, number);
  int fd = ::open(path.c_str(), O_WRONLY | O_DSYNC | O_DIRECT | O_CLOEXEC);
  if (fd < 0 && errno == EINVAL) fd = ::open(path.c_str(), O_WRONLY | O_DSYNC | O_CLOEXEC);
  if (fd < 0) return refused(path);
  std::unique_ptr<log_file> opened(new log_file(fd, path, number, block_of(size_bytes)));
  opened->synced_ = opened->end_ = block_of(written.size());
  opened->append(written.substr(block_of(written.size())));
  opened->synced_ = written.size();
  return opened;
}

void log_file::make_room(std::size_t bytes) {
  if (bytes <= blocks_bytes_) return;
  const auto wanted = whole_blocks(std::max(bytes, 2 * blocks_bytes_));
  std::unique_ptr<char, release> next(static_cast<char*>(std::aligned_alloc(block_bytes, wanted)));
  MUSTER_ENSURE(next != nullptr, "there is memory for a record");
  if (blocks_) std::memcpy(next.get(), blocks_.get(), end_ - block_of(synced_));
  blocks_ = std::move(next);
  blocks_bytes_ = wanted;
}

void log_file::append(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto held = end_ - block_of(synced_);
  make_room(whole_blocks(held + bytes.size()));
  std::memcpy(blocks_.get() + held, bytes.data(), bytes.size());
  end_ += bytes.size();
}

void log_file::write(std::string& record) {
  end_record(record, number_, end_);
  MUSTER_ENSURE(record.size() <= room_bytes(), "a record fits its file");
  append(record);
}

/// The first block holds what was synced before, too; written again, its bytes are the same.
status log_file::sync() {
  const auto from = block_of(synced_);
  const auto held = end_ - from;
  std::memset(blocks_.get() + held, 0, whole_blocks(held) - held);
  if (auto done = put(file_.fd, path_, {blocks_.get(), whole_blocks(held)}, from); !done)
    return done;
  synced_ = end_;
  note_log_sync();
  const auto kept = block_of(end_) - from;
  std::memmove(blocks_.get(), blocks_.get() + kept, held - kept);
  return ok();
}

}  // namespace muster::storage
