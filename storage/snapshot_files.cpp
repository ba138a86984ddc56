#include "storage/snapshot_files.hpp"

#include "storage/identity.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

namespace muster::storage {

namespace fs = std::filesystem;

namespace {

/// Highest N of DIR/state/N; 0: none.
std::uint64_t state_number(const std::string& data_dir) {
  std::uint64_t highest = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(state_root(data_dir), ignored)) {
    const auto name = entry.path().filename().string();
    std::uint64_t n = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), n);
    if (read.ec == std::errc{} && read.ptr == name.data() + name.size())
      highest = std::max(highest, n);
  }
  return highest;
}

std::string numbered(const std::string& data_dir, std::uint64_t n) {
  return state_root(data_dir) + "/" + std::to_string(n);
}

}  // namespace

std::string state_root(const std::string& data_dir) { return data_dir + "/state"; }
std::string incoming_directory(const std::string& data_dir) {
  return state_root(data_dir) + "/incoming";
}
std::string incoming_manifest(const std::string& data_dir) {
  return incoming_directory(data_dir) + ".manifest";
}
std::string state_directory(const std::string& data_dir) {
  return numbered(data_dir, std::max<std::uint64_t>(state_number(data_dir), 1));
}
std::string outgoing_directory(const std::string& data_dir, std::uint64_t n) {
  return state_root(data_dir) + "/outgoing." + std::to_string(n);
}

status install_snapshot(const std::string& data_dir) {
  std::error_code failed;
  const auto place = numbered(data_dir, std::max<std::uint64_t>(state_number(data_dir), 1) + 1);
  fs::rename(incoming_directory(data_dir), place, failed);
  if (failed) return fail(errc::refused, "cannot put the snapshot in place: " + failed.message());
  fs::remove(incoming_manifest(data_dir), failed);
  return sync_directory(state_root(data_dir));
}

status drop_incoming(const std::string& data_dir) {
  std::error_code failed;
  for (const auto& path : {incoming_manifest(data_dir), incoming_directory(data_dir)})
    if (fs::remove_all(path, failed); failed)
      return fail(errc::refused, "cannot remove " + path + ": " + failed.message());
  return ok();
}

status prepare_state(const std::string& data_dir) {
  std::error_code failed;
  fs::create_directories(state_root(data_dir), failed);
  const std::set<fs::path> kept = {state_directory(data_dir), incoming_directory(data_dir),
                                   incoming_manifest(data_dir)};
  if (!failed)
    for (const auto& entry : fs::directory_iterator(state_root(data_dir), failed))
      if (!kept.contains(entry.path())) fs::remove_all(entry.path(), failed);
  if (failed)
    return fail(errc::refused, "cannot prepare " + state_root(data_dir) + ": " + failed.message());
  return ok();
}

}  // namespace muster::storage
