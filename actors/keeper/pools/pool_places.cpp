#include "actors/keeper/pools/pool_places.hpp"

#include <filesystem>
#include <sys/stat.h>

namespace muster::keeper {

namespace fs = std::filesystem;

std::string pool_place(const std::string& data_dir, const std::string& pool) {
  return data_dir + "/storage-pools/" + pool;
}

std::string source_of(const wish& w, const std::string& own) {
  const auto noted = w.value("source", own);
  const bool was_own = (w.before || w.was_made) && noted.ends_with(own.substr(w.data_dir.size()));
  std::error_code failed;
  return was_own && !fs::exists(noted, failed) && fs::exists(own, failed) ? own : noted;
}

status link_place(const std::string& place, const std::string& source) {
  std::error_code failed;
  fs::create_directories(fs::path(place).parent_path(), failed);
  if (fs::is_symlink(place, failed)) {
    if (fs::read_symlink(place, failed) == source) return ok();
    fs::remove(place, failed);
  }
  fs::create_directory_symlink(source, place, failed);
  if (failed)
    return fail(errc::refused, "cannot link " + place + " to " + source + ": " + failed.message());
  return ok();
}

bool holds_only_pool(const std::string& folder) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    const auto name = entry.path().filename();
    if (name != "images" && name != "containers" && name != "trash" && name != "lost+found")
      return false;
  }
  return !failed;
}

status empty_pool(const std::string& place) {
  std::error_code failed;
  const fs::path instances = place + "/containers";
  if (fs::exists(instances, failed) && !fs::is_empty(instances, failed))
    return fail(errc::refused, place + " still holds instances");
  fs::remove(instances, failed);
  fs::remove_all(place + "/images", failed);
  fs::remove_all(place + "/trash", failed);
  return ok();
}

bool is_mount_point(const std::string& place) {
  struct stat here {};
  struct stat above {};
  return ::lstat(place.c_str(), &here) == 0 && S_ISDIR(here.st_mode) &&
         ::stat(fs::path(place).parent_path().c_str(), &above) == 0 && here.st_dev != above.st_dev;
}

}  // namespace muster::keeper
