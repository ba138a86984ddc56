#include "storage/snapshots/snapshot_manifest.hpp"

#include "storage/disk/descriptor.hpp"

#include <algorithm>
#include <filesystem>
#include <unistd.h>

namespace muster::storage {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t digest_bytes = 32;
constexpr std::size_t name_bytes_max = 255;

/// A name that stays in its directory.
bool is_plain(const std::string& name) {
  return !name.empty() && name.size() <= name_bytes_max && !name.starts_with('.') &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

std::uint64_t chunks_in(std::uint64_t size, std::uint64_t chunk_bytes) {
  return size / chunk_bytes + (size % chunk_bytes != 0);
}

result<std::string> read_part(const std::string& path, std::uint64_t offset, std::size_t bytes) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return fail(errc::corrupt, "a file of the snapshot cannot be opened");
  std::string part(bytes, '\0');
  for (std::size_t have = 0; have < bytes;) {
    const auto n =
        ::pread(file.fd, part.data() + have, bytes - have, static_cast<off_t>(offset + have));
    if (n <= 0) return fail(errc::corrupt, "a file of the snapshot is shorter than it was");
    have += static_cast<std::size_t>(n);
  }
  return part;
}

result<codec::snapshot_file> describe_file(const fs::path& path, std::size_t chunk_bytes) {
  codec::snapshot_file f;
  f.name = path.filename().string();
  f.size_bytes = fs::file_size(path);
  for (std::uint64_t at = 0; at < f.size_bytes; at += chunk_bytes) {
    auto part = read_part(
        path, at,
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, f.size_bytes - at)));
    if (!part) return part.error();
    f.digests += sha256(*part);
  }
  return f;
}

}  // namespace

result<snapshot_manifest> snapshot_manifest::describe(const std::string& directory, log_index index,
                                                      std::size_t chunk_bytes) {
  codec::snapshot_manifest content;
  content.index = index;
  content.chunk_bytes = static_cast<std::uint32_t>(chunk_bytes);
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory, failed)) {
    if (!entry.is_regular_file()) continue;
    auto file = describe_file(entry.path(), chunk_bytes);
    if (!file) return file.error();
    content.files.push_back(*std::move(file));
  }
  if (failed) return fail(errc::corrupt, "cannot list the checkpoint: " + failed.message());
  std::sort(content.files.begin(), content.files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  std::string bytes(codec::encode(content).bytes());
  if (bytes.size() > limits::snapshot_manifest_max)
    return fail(errc::too_large, "the state is too large for one snapshot");
  return read(std::move(bytes));
}

result<snapshot_manifest> snapshot_manifest::read(std::string bytes) {
  auto content = codec::decode_snapshot_manifest(bytes);
  if (!content) return content.error();
  const std::uint64_t chunk_bytes = content->chunk_bytes;
  if (chunk_bytes == 0 || chunk_bytes > limits::snapshot_chunk_bytes_max)
    return fail(errc::corrupt, "the chunks of a snapshot have a size that is not allowed");
  snapshot_manifest m;
  m.content_ = *std::move(content);
  for (std::size_t i = 0; i < m.content_.files.size(); ++i) {
    const auto& f = m.content_.files[i];
    if (!is_plain(f.name))
      return fail(errc::corrupt, "a name in a snapshot is not a plain file name");
    if (i > 0 && f.name <= m.content_.files[i - 1].name)
      return fail(errc::corrupt, "the files of a snapshot are not in order");
    // The digests are here: that bounds the size.
    if (f.digests.size() % digest_bytes != 0 ||
        f.digests.size() / digest_bytes != chunks_in(f.size_bytes, chunk_bytes))
      return fail(errc::corrupt, "a file of a snapshot has not as many digests as chunks");
    for (std::uint64_t at = 0; at < f.size_bytes; at += chunk_bytes)
      m.chunks_.push_back(
          {i, at, static_cast<std::size_t>(std::min(chunk_bytes, f.size_bytes - at)),
           std::string_view(f.digests).substr(at / chunk_bytes * digest_bytes, digest_bytes)});
  }
  m.id_ = sha256_hex(bytes);
  m.bytes_ = std::move(bytes);
  return m;
}

result<std::string> snapshot_manifest::read_chunk(const std::string& directory,
                                                  std::size_t n) const {
  const auto& c = chunks_[n];
  return read_part(directory + "/" + content_.files[c.file].name, c.offset, c.bytes);
}

}  // namespace muster::storage
