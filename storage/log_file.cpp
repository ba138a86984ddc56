#include "storage/log_file.hpp"

#include "storage/identity.hpp"
#include "storage/log_record.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace muster::storage {

namespace {

failure refused(const std::string& path) {
  return fail(errc::corrupt, "the disk refused a write to " + path + ": " + std::strerror(errno));
}

}  // namespace

std::string log_file::path_of(const std::string& folder, std::uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof name, "/%016llx.log", static_cast<unsigned long long>(number));
  return folder + name;
}

log_file::log_file(int fd, std::string path, std::uint64_t number, std::size_t size_bytes,
                   std::size_t end)
    : file_(fd), path_(std::move(path)), number_(number), size_bytes_(size_bytes), end_(end) {}

result<std::unique_ptr<log_file>> log_file::make(const std::string& folder, std::uint64_t number,
                                                 std::size_t size_bytes) {
  const auto path = path_of(folder, number);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return refused(path);
  std::unique_ptr<log_file> made(new log_file(fd, path, number, size_bytes, 0));
  if (auto filled = made->fill_with_zeros(0); !filled) return filled.error();
  if (::fsync(fd) != 0) return refused(path);
  if (auto synced = sync_directory(folder); !synced) return synced.error();
  return made;
}

result<std::unique_ptr<log_file>> log_file::open(const std::string& folder, std::uint64_t number,
                                                 std::size_t size_bytes, std::size_t end,
                                                 bool has_torn_end) {
  const auto path = path_of(folder, number);
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return refused(path);
  std::unique_ptr<log_file> opened(new log_file(fd, path, number, size_bytes, end));
  if (!has_torn_end) return opened;
  if (auto cut = opened->fill_with_zeros(end); !cut) return cut.error();
  if (auto synced = opened->sync(); !synced) return synced.error();
  return opened;
}

status log_file::fill_with_zeros(std::size_t from) {
  const std::string zeros(256u << 10, '\0');
  for (auto at = from; at < size_bytes_; at += zeros.size())
    if (auto put_there =
            put(std::string_view(zeros).substr(0, std::min(zeros.size(), size_bytes_ - at)), at);
        !put_there)
      return put_there;
  return ok();
}

status log_file::put(std::string_view bytes, std::size_t offset) {
  while (!bytes.empty()) {
    const auto n = ::pwrite(file_.fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refused(path_);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::size_t>(n);
  }
  return ok();
}

status log_file::write(std::string& record) {
  end_record(record, number_, end_);
  MUSTER_ENSURE(record.size() <= room_bytes(), "a record fits its file");
  const auto offset = std::exchange(end_, end_ + record.size());
  if (!forgets_) return put(record, offset);
  unsynced_ += record;
  return ok();
}

status log_file::sync() {
  if (!unsynced_.empty()) {
    if (auto done = put(unsynced_, end_ - unsynced_.size()); !done) return done;
    unsynced_.clear();
  }
  return ::fdatasync(file_.fd) == 0 ? ok() : status(refused(path_));
}

}  // namespace muster::storage
