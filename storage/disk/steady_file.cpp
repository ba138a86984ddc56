#include "storage/disk/steady_file.hpp"

#include "storage/disk/disk_room.hpp"
#include "storage/disk/log_pace.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

namespace muster::storage {

namespace {

constexpr std::uint64_t room_step_bytes = 16u << 20;  ///< how often room is looked for
constexpr std::uint64_t small_piece_bytes = 256u << 10;
constexpr std::uint64_t large_piece_bytes = 4u << 20;
constexpr std::uint64_t on_the_way_max = 32u << 20;
constexpr int pauses = 3;  ///< as long as a piece took, while the log is written
constexpr auto pause_max = std::chrono::milliseconds(50);

}  // namespace

steady_file::~steady_file() {
  if (fd_ >= 0) ::close(fd_);
}

status steady_file::append(std::string_view part) {
  while (!part.empty()) {
    if (at_ >= room_until_) {
      if (auto room = check_room(path_, room_step_bytes); !room) return room;
      room_until_ = at_ + room_step_bytes;
    }
    const auto n = ::pwrite(fd_, part.data(), std::min<std::size_t>(part.size(), small_piece_bytes),
                            static_cast<off_t>(at_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail(errc::unavailable, "cannot write " + path_ + ": " + std::strerror(errno));
    at_ += static_cast<std::uint64_t>(n);
    part.remove_prefix(static_cast<std::size_t>(n));
    write_back();
  }
  return ok();
}

/// Large pieces, some on their way to the disk at a time; while the log is written a small one, and
/// then the log has the disk to itself for a while.
void steady_file::write_back() {
  using clock = std::chrono::steady_clock;
  for (;;) {
    const bool is_busy = is_log_busy();
    const auto bytes = is_busy ? small_piece_bytes : large_piece_bytes;
    if (at_ - begun_ < bytes) return;
    const auto began = clock::now();
    give(begun_, bytes, SYNC_FILE_RANGE_WRITE | (is_busy ? SYNC_FILE_RANGE_WAIT_AFTER : 0u));
    begun_ += bytes;
    if (is_busy)
      std::this_thread::sleep_for(
          std::min<clock::duration>((clock::now() - began) * pauses, pause_max));
    else if (begun_ >= on_the_way_max)
      give(begun_ - on_the_way_max, bytes, SYNC_FILE_RANGE_WAIT_BEFORE);
  }
}

void steady_file::give(std::uint64_t from, std::uint64_t bytes, unsigned how) const {
  (void)::sync_file_range(fd_, static_cast<off_t>(from), static_cast<off_t>(bytes), how);
}

void steady_file::begin_sync() {
  give(begun_, at_ - begun_, SYNC_FILE_RANGE_WRITE);
  begun_ = at_;
}

status steady_file::sync() {
  if (::fsync(fd_) == 0) return ok();
  return fail(errc::unavailable, "cannot write " + path_ + ": " + std::strerror(errno));
}

}  // namespace muster::storage
