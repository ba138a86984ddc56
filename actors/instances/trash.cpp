#include "actors/instances/trash.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/mount.h>
#include <sys/stat.h>

namespace muster::instances {

namespace fs = std::filesystem;

namespace {

constexpr std::time_t kept_s = 3600;

/// mountinfo writes spaces and the like as \ooo.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// Renamed, so it stays on its file system.
status put_into(const fs::path& trash, const fs::path& what, const std::string& name) {
  std::error_code failed;
  fs::create_directories(trash, failed);
  if (failed) return fail(errc::refused, "cannot make " + trash.string() + ": " + failed.message());
  ::chmod(trash.c_str(), 0700);
  const auto stem = name + "." + std::to_string(std::time(nullptr));
  auto to = trash / stem;
  for (int n = 2; fs::exists(to, failed); ++n) to = trash / (stem + "-" + std::to_string(n));
  fs::rename(what, to, failed);
  if (failed)
    return fail(errc::refused,
                "cannot move " + what.string() + " to " + trash.string() + ": " + failed.message());
  return ok();
}

/// Second in which it came, by its name.
std::time_t came_at(const std::string& name) {
  const auto dot = name.rfind('.');
  std::time_t at = 0;
  if (dot == std::string::npos) return 0;
  std::from_chars(name.data() + dot + 1, name.data() + name.size(), at);
  return at;
}

void sweep(const fs::path& trash) {
  std::error_code ignored;
  std::vector<fs::path> due;
  for (const auto& entry : fs::directory_iterator(trash, ignored)) {
    const auto at = came_at(entry.path().filename().string());
    if (at != 0 && at + kept_s <= std::time(nullptr)) due.push_back(entry.path());
  }
  for (const auto& path : due)
    if (mounts_below(path.string()).empty()) fs::remove_all(path, ignored);
}

}  // namespace

std::vector<std::string> mounts_below(const std::string& folder) {
  std::error_code failed;
  auto real = fs::canonical(folder, failed).string();
  if (failed) real = folder;
  std::vector<std::string> all;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string skipped;
    std::string point;
    fields >> skipped >> skipped >> skipped >> skipped >> point;
    point = unescaped(point);
    if (point == real || point.starts_with(real + "/")) all.push_back(point);
  }
  return all;
}

status unmount_below(const std::string& folder) {
  auto points = mounts_below(folder);
  std::error_code failed;
  std::erase(points, fs::canonical(folder, failed).string());
  std::reverse(points.begin(), points.end());
  for (const auto& point : points)
    if (::umount2(point.c_str(), UMOUNT_NOFOLLOW) != 0)
      return fail(errc::refused, "cannot unmount " + point + ": " + std::strerror(errno));
  return ok();
}

status move_to_trash(const std::string& data_dir, object_id id) {
  const auto name = container_name(id);
  const fs::path directory = container_directory(data_dir, id);
  std::error_code failed;
  const bool is_linked = fs::is_symlink(directory, failed);
  fs::path real = directory;
  fs::path trash = fs::path(data_dir) / "trash";
  if (is_linked) {
    const auto pool = pool_of(data_dir, id);
    real = pool_directory(data_dir, pool, id);
    trash = fs::path(data_dir) / "storage-pools" / pool / "trash";
    if (!fs::exists(real, failed))
      return fail(errc::refused, "its files are not in the storage pool \"" + pool +
                                     "\" now: is the pool mounted on this member?");
  }
  if (const auto mounts = mounts_below(real.string()); !mounts.empty())
    return fail(errc::refused, mounts.back() + " is still mounted");
  if (fs::exists(real, failed))
    if (auto moved = put_into(trash, real, name); !moved) return moved;
  if (is_linked) fs::remove(directory, failed);
  const fs::path logs = fs::path(data_dir) / "logs" / name;
  if (fs::exists(logs, failed)) return put_into(fs::path(data_dir) / "trash", logs, name + ".logs");
  return ok();
}

status move_unpacked_to_trash(const std::string& data_dir, const std::string& pool,
                              const std::string& image) {
  return put_into(fs::path(data_dir) / "storage-pools" / pool / "trash",
                  unpacked_directory(data_dir, pool, image), image);
}

void sweep_trash(const std::string& data_dir) {
  std::error_code ignored;
  sweep(fs::path(data_dir) / "trash");
  for (const auto& pool : fs::directory_iterator(fs::path(data_dir) / "storage-pools", ignored))
    sweep(pool.path() / "trash");
}

}  // namespace muster::instances
