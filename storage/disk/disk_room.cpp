#include "storage/disk/disk_room.hpp"

#include <algorithm>
#include <sys/statvfs.h>

namespace muster::storage {

std::uint64_t reserve_of(std::uint64_t total_bytes) {
  constexpr std::uint64_t gib = 1ULL << 30;
  const auto least = std::min(gib, total_bytes / 10);
  return std::clamp(total_bytes / 20, least, 10 * gib);
}

status check_room(const std::string& path, std::uint64_t bytes) {
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0) return ok();  // whoever writes there finds out
  const auto free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const auto reserve = reserve_of(std::uint64_t{disk.f_blocks} * disk.f_frsize);
  if (free >= reserve && free - reserve >= bytes && (disk.f_files == 0 || disk.f_favail > 1000))
    return ok();
  return fail(errc::unavailable,
              "No space left on the disk of " + path + ": " + std::to_string(free >> 20) +
                  " MiB are free, of which " + std::to_string(reserve >> 20) +
                  " MiB are kept for the cluster's log; free some space and try again");
}

}  // namespace muster::storage
