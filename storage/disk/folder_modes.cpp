#include "storage/disk/folder_modes.hpp"

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::storage {

namespace {

namespace fs = std::filesystem;
constexpr mode_t ours = 0700;
constexpr mode_t passage = 0711;

/// Nobody but root needs to read it; an ordinary user's server works in it.
mode_t container_mode() { return ::geteuid() == 0 ? 0100 : ours; }

/// Of a folder itself, not of what a link points to.
void set_mode(const fs::path& folder, mode_t mode) {
  struct stat s {};
  if (::lstat(folder.c_str(), &s) == 0 && S_ISDIR(s.st_mode) && (s.st_mode & 07777) != mode)
    ::chmod(folder.c_str(), mode);
}

void close_containers(const fs::path& above) {
  std::error_code failed;
  set_mode(above, passage);
  for (fs::directory_iterator at(above, failed), end; !failed && at != end; at.increment(failed))
    set_mode(at->path(), container_mode());
}

}  // namespace

void close_container(const std::string& directory, unsigned root_user) {
  if (::geteuid() == 0) (void)::chown(directory.c_str(), root_user, 0);
  ::chmod(directory.c_str(), container_mode());
}

void close_pool(const std::string& place) {
  set_mode(fs::path(place).parent_path(), passage);
  set_mode(place, passage);
  set_mode(place + "/images", ours);
  set_mode(place + "/trash", ours);
  close_containers(place + "/containers");
}

void close_folders(const std::string& data_dir) {
  const fs::path dir = data_dir;
  std::error_code failed;
  struct stat s {};
  if (::stat(dir.c_str(), &s) == 0) ::chmod(dir.c_str(), s.st_mode & passage);
  fs::create_directory(dir / "containers", failed);
  for (fs::directory_iterator at(dir, failed), end; !failed && at != end; at.increment(failed)) {
    const auto name = at->path().filename();
    set_mode(at->path(), name == "containers" || name == "storage-pools" ? passage : ours);
  }
  close_containers(dir / "containers");
  for (fs::directory_iterator at(dir / "storage-pools", failed), end; !failed && at != end;
       at.increment(failed))
    close_pool(at->path());
}

}  // namespace muster::storage
