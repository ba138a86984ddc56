#include "storage/snapshots/snapshot_files.hpp"

#include "storage/identity.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>

namespace muster::storage {

namespace fs = std::filesystem;

namespace {

/// N of a directory DIR/state/N; 0: it is another.
std::uint64_t number_of(const fs::path& path) {
  const auto name = path.filename().string();
  std::uint64_t n = 0;
  const auto read = std::from_chars(name.data(), name.data() + name.size(), n);
  return read.ec == std::errc{} && read.ptr == name.data() + name.size() ? n : 0;
}

/// Highest N of DIR/state/N; 0: none.
std::uint64_t state_number(const std::string& data_dir) {
  std::uint64_t highest = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(state_root(data_dir), ignored))
    highest = std::max(highest, number_of(entry.path()));
  return highest;
}

std::string numbered(const std::string& data_dir, std::uint64_t n) {
  return state_root(data_dir) + "/" + std::to_string(n);
}

/// Removes what `is_old` says of DIR/state.
status tidy(const std::string& data_dir, const std::function<bool(const fs::path&)>& is_old) {
  std::error_code failed;
  fs::create_directories(state_root(data_dir), failed);
  if (!failed)
    for (const auto& entry : fs::directory_iterator(state_root(data_dir), failed))
      if (is_old(entry.path())) fs::remove_all(entry.path(), failed);
  if (!failed) return ok();
  return fail(errc::refused, "cannot prepare " + state_root(data_dir) + ": " + failed.message());
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
  return tidy(data_dir, [](const fs::path& path) {
    return path.filename().string().starts_with("outgoing.");
  });
}

status drop_replaced(const std::string& data_dir) {
  const auto newest = state_number(data_dir);
  return tidy(data_dir, [newest](const fs::path& path) {
    const auto n = number_of(path);
    return n != 0 && n < newest;
  });
}

}  // namespace muster::storage
