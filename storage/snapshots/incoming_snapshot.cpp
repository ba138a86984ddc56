#include "storage/snapshots/incoming_snapshot.hpp"

#include "storage/disk/descriptor.hpp"
#include "storage/identity.hpp"
#include "storage/snapshots/snapshot_files.hpp"

#include <filesystem>

namespace muster::storage {

namespace fs = std::filesystem;

incoming_snapshot::incoming_snapshot(std::string directory, snapshot_manifest what)
    : directory_(std::move(directory)),
      manifest_(std::move(what)),
      here_(manifest_.chunks().size(), false) {}

std::string incoming_snapshot::path_of(std::size_t file) const {
  return directory_ + "/" + manifest_.files()[file].name;
}

void incoming_snapshot::mark(std::size_t n) {
  if (!here_[n]) ++count_;
  here_[n] = true;
  while (first_missing_ < here_.size() && here_[first_missing_]) ++first_missing_;
}

std::optional<std::size_t> incoming_snapshot::next_missing() const {
  if (first_missing_ == here_.size()) return std::nullopt;
  return first_missing_;
}

std::optional<incoming_snapshot> incoming_snapshot::find(const std::string& data_dir) {
  auto bytes = read_file(incoming_manifest(data_dir), limits::snapshot_manifest_max);
  if (!bytes) return std::nullopt;
  auto what = snapshot_manifest::read(*std::move(bytes));
  if (!what) return std::nullopt;
  incoming_snapshot in(incoming_directory(data_dir), *std::move(what));
  // The files were made before the manifest was written.
  std::error_code none;
  for (std::size_t i = 0; i < in.manifest_.files().size(); ++i)
    if (!fs::is_regular_file(fs::symlink_status(in.path_of(i), none))) return std::nullopt;
  for (std::size_t n = 0; n < in.here_.size(); ++n)
    if (auto there = in.manifest_.read_chunk(in.directory_, n);
        there && in.manifest_.is_chunk(n, *there))
      in.mark(n);
  return in;
}

result<incoming_snapshot> incoming_snapshot::begin(const std::string& data_dir,
                                                   snapshot_manifest what) {
  if (auto dropped = drop_incoming(data_dir); !dropped) return dropped.error();
  incoming_snapshot in(incoming_directory(data_dir), std::move(what));
  std::error_code failed;
  fs::create_directories(in.directory_, failed);
  if (failed) return fail(errc::refused, "cannot make " + in.directory_ + ": " + failed.message());
  for (std::size_t i = 0; i < in.manifest_.files().size(); ++i) {
    const descriptor file(
        ::open(in.path_of(i).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.fd < 0) return fail(errc::refused, "cannot make a file of the snapshot");
  }
  if (auto written = write_file_durably(incoming_manifest(data_dir), in.manifest_.bytes());
      !written)
    return written.error();
  return in;
}

status incoming_snapshot::keep(std::size_t n, std::string_view content) {
  if (!manifest_.is_chunk(n, content))
    return fail(errc::corrupt, "the checksum of a chunk does not hold");
  const auto& chunk = manifest_.chunks()[n];
  const descriptor file(::open(path_of(chunk.file).c_str(), O_WRONLY | O_CLOEXEC));
  for (auto at = static_cast<off_t>(chunk.offset); !content.empty();) {
    const auto written = file.fd < 0 ? -1 : ::pwrite(file.fd, content.data(), content.size(), at);
    if (written <= 0) return fail(errc::refused, "cannot write a file of the snapshot");
    content.remove_prefix(static_cast<std::size_t>(written));
    at += written;
  }
  mark(n);
  return ok();
}

status incoming_snapshot::finish() {
  if (next_missing()) return fail(errc::corrupt, "the snapshot is not whole");
  for (std::size_t i = 0; i < manifest_.files().size(); ++i) {
    const descriptor file(::open(path_of(i).c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd < 0 || ::fsync(file.fd) != 0)
      return fail(errc::refused, "cannot sync a file of the snapshot");
  }
  return sync_directory(directory_);
}

}  // namespace muster::storage
