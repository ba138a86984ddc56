#include "actors/instances/lxc/process.hpp"
#include "actors/keeper/maker.hpp"
#include "actors/keeper/pools/pool_places.hpp"
#include "schemas/basic/units.hpp"
#include "storage/disk/descriptor.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <linux/magic.h>
#include <optional>
#include <sstream>
#include <sys/statfs.h>
#include <unistd.h>

namespace muster::keeper {

namespace fs = std::filesystem;

namespace {

using instances::run_program;
using namespace std::chrono_literals;
constexpr auto make_time_max = 120s;
constexpr auto mount_time_max = 30s;
constexpr std::uint64_t size_least = 5ULL << 30;
constexpr std::uint64_t size_most = 30ULL << 30;
constexpr std::uint64_t size_smallest = 110ULL << 20;  // mkfs.btrfs takes no less

std::string file_of(const wish& w) { return w.data_dir + "/disks/" + w.name + ".img"; }

/// What is mounted there; empty: nothing.
std::string mounted_at(const std::string& place) {
  std::ifstream mounts("/proc/self/mounts");
  std::string line;
  std::string found;
  while (std::getline(mounts, line)) {
    std::istringstream fields(line);
    std::string device;
    std::string point;
    if (fields >> device >> point && point == place) found = device;
  }
  return found;
}

/// A fifth of what is free, within bounds.
std::string default_size(const std::string& data_dir) {
  std::error_code failed;
  const auto space = fs::space(data_dir, failed);
  const std::uint64_t free = failed ? 0 : space.available;
  return std::to_string(std::clamp<std::uint64_t>(free / 5, size_least, size_most) >> 30) + "GiB";
}

/// Label of the btrfs on a file or device; none: there is no btrfs on it.
std::optional<std::string> label_of(const std::string& what) {
  constexpr std::streamoff superblock = 64 << 10;
  constexpr std::streamoff magic_at = 64;
  constexpr std::streamoff label_at = 0x12b;
  char magic[9] = "";
  char label[257] = "";
  std::ifstream in(what, std::ios::binary);
  in.seekg(superblock + magic_at).read(magic, 8);
  in.seekg(superblock + label_at).read(label, 256);
  if (!in || std::string_view(magic) != "_BHRfS_M") return std::nullopt;
  return label;
}

/// Whether the pool is there to be mounted. @errors errc::refused: something else is, or it has
/// gone; nothing is made then.
result<bool> find_pool(const wish& w, const std::string& what, bool is_there) {
  const auto label = is_there ? label_of(what) : std::nullopt;
  if (label && *label == w.name) return true;
  if (w.before || w.was_made)
    return fail(errc::refused, what +
                                   (is_there ? " does not hold the btrfs of this pool any more"
                                             : " is gone, and the pool with it") +
                                   ": bring it back, or delete the pool");
  return false;
}

/// A sparse file with a file system in it; under its name only when it is whole.
status make_file(const wish& w, const std::string& size) {
  const auto bytes = units::bytes(size).value_or(0);
  if (bytes < size_smallest)
    return fail(errc::refused, "The size \"" + size + "\" is too small for btrfs: it needs 110MiB");
  std::error_code failed;
  fs::create_directories(w.data_dir + "/disks", failed);
  const auto file = file_of(w);
  const auto unfinished = file + ".new";
  fs::remove(unfinished, failed);
  const storage::descriptor made(
      ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (made.fd < 0 || ::ftruncate(made.fd, static_cast<off_t>(bytes)) != 0)
    return fail(errc::refused, "cannot make " + unfinished + ": " + std::strerror(errno));
  auto formatted = run_program({"mkfs.btrfs", "-q", "-L", w.name, unfinished}, make_time_max);
  if (!formatted) {
    fs::remove(unfinished, failed);
    return formatted.error();
  }
  if (::fsync(made.fd) != 0 ||
      ::renameat2(AT_FDCWD, unfinished.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) != 0)
    return fail(errc::refused, "cannot make " + file + ": " + std::strerror(errno));
  return ok();
}

status make_on_device(const wish& w, const std::string& device) {
  if (units::is_true(w.value("source.wipe")))
    if (auto wiped = run_program({"wipefs", "-a", device}, mount_time_max); !wiped)
      return wiped.error();
  auto made = run_program({"mkfs.btrfs", "-q", "-L", w.name, device}, make_time_max);
  return made ? ok() : status(made.error());
}

status mount(const std::string& what, const std::string& place, bool is_file) {
  std::error_code failed;
  fs::create_directories(place, failed);
  if (failed) return fail(errc::refused, "cannot make " + place + ": " + failed.message());
  auto done = run_program(
      {"mount", "-t", "btrfs", "-o", is_file ? "loop" : "defaults", what, place}, mount_time_max);
  return done ? ok() : status(done.error());
}

/// Larger only; what is on it stays.
status grow(const wish& w, const std::string& size) {
  const auto bytes = units::bytes(size).value_or(0);
  std::error_code failed;
  const auto now = fs::file_size(file_of(w), failed);
  if (failed || bytes == now) return ok();
  if (bytes < now)
    return fail(errc::refused, "Pool cannot be shrunk: it has " + std::to_string(now) + " bytes");
  const auto place = pool_place(w.data_dir, w.name);
  fs::resize_file(file_of(w), bytes, failed);
  if (failed) return fail(errc::refused, "cannot grow " + file_of(w) + ": " + failed.message());
  if (auto seen = run_program({"losetup", "-c", mounted_at(place)}, mount_time_max); !seen)
    return seen.error();
  auto grown = run_program({"btrfs", "filesystem", "resize", "max", place}, make_time_max);
  return grown ? ok() : status(grown.error());
}

result<string_map> make_on_file(const wish& w) {
  const auto place = pool_place(w.data_dir, w.name);
  const auto size = w.value("size", default_size(w.data_dir));
  if (mounted_at(place).empty()) {
    std::error_code failed;
    const bool is_file = fs::exists(file_of(w), failed);
    auto found = find_pool(w, file_of(w), is_file);
    if (!found) return found.error();
    if (!*found && is_file)
      return fail(errc::refused, file_of(w) + " is there, and is no btrfs of a pool \"" + w.name +
                                     "\": move it away");
    if (!*found)
      if (auto made = make_file(w, size); !made) return made.error();
    if (auto mounted = mount(file_of(w), place, true); !mounted) return mounted.error();
  }
  if (auto grown = grow(w, size); !grown) return grown.error();
  return string_map{{"source", file_of(w)}, {"size", size}};
}

bool is_on_btrfs(const std::string& folder) {
  struct statfs s {};
  return ::statfs(folder.c_str(), &s) == 0 &&
         static_cast<std::uint64_t>(s.f_type) == BTRFS_SUPER_MAGIC;
}

}  // namespace

result<string_map> make_btrfs_pool(const wish& w) {
  const auto place = pool_place(w.data_dir, w.name);
  const auto source = source_of(w, file_of(w));
  std::error_code failed;
  if (fs::is_directory(source, failed)) {
    if (!is_on_btrfs(source))
      return fail(errc::refused, "Provided path \"" + source + "\" isn't on btrfs");
    if (!w.before && !holds_only_pool(source))
      return fail(errc::refused, "Source path \"" + source + "\" isn't empty");
    if (auto linked = link_place(place, source); !linked) return linked.error();
    return string_map{{"source", source}};
  }
  if (::geteuid() != 0)
    return fail(
        errc::refused,
        "a btrfs pool on a file or device needs root: this server runs as an ordinary user");
  if (source == file_of(w)) return make_on_file(w);
  if (!fs::is_block_file(source, failed))
    return fail(errc::refused, "Invalid \"source\" property: \"" + source +
                                   "\" is neither a block device nor a folder on btrfs");
  if (mounted_at(place).empty()) {
    auto found = find_pool(w, source, true);
    if (!found) return found.error();
    if (!*found)
      if (auto made = make_on_device(w, source); !made) return made.error();
    if (auto mounted = mount(source, place, false); !mounted) return mounted.error();
  }
  return string_map{{"source", source}};
}

status remove_btrfs_pool(const wish& w) {
  const auto place = pool_place(w.data_dir, w.name);
  const auto source = source_of(w, file_of(w));
  std::error_code failed;
  const bool is_linked = fs::is_symlink(place, failed);
  const bool is_own = !is_linked && label_of(source) == w.name;
  // Only what is mounted can be seen to be empty.
  if (is_own && mounted_at(place).empty())
    if (auto mounted = mount(source, place, source == file_of(w)); !mounted) return mounted;
  const bool is_mounted = !mounted_at(place).empty();
  if (is_linked || is_mounted)
    if (auto emptied = empty_pool(place); !emptied) return emptied;
  if (is_mounted)
    if (auto gone = run_program({"umount", place}, mount_time_max); !gone) return gone.error();
  fs::remove(place, failed);
  if (failed) return fail(errc::refused, "cannot remove " + place + ": " + failed.message());
  if (!is_own || !is_mounted) return ok();
  if (source == file_of(w)) {
    fs::remove(source, failed);
  } else if (w.before && fs::is_block_file(source, failed)) {
    auto wiped = run_program({"wipefs", "-q", "-a", source}, mount_time_max);
    if (!wiped) return wiped.error();
  }
  return ok();
}

}  // namespace muster::keeper
