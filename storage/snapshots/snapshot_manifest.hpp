#pragma once
#include "schemas/basic/limits.hpp"
#include "schemas/codec/codec.hpp"
#include "storage/disk/sha256.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace muster::storage {

/// What a snapshot consists of: files, cut into chunks that are numbered through all of them, with
/// the SHA-256 of each.
class snapshot_manifest {
public:
  struct chunk {
    std::size_t file = 0;
    std::uint64_t offset = 0;
    std::size_t bytes = 0;
    std::string_view digest;
  };

  /// Of the files in `directory`, which are read. @errors errc::corrupt if they cannot be,
  /// errc::too_large
  static result<snapshot_manifest> describe(const std::string& directory, log_index index,
                                            std::size_t chunk_bytes = limits::snapshot_chunk_bytes);
  /// Of bytes that come from another member. @errors errc::corrupt unless they are a manifest whose
  /// files are plain names and whose chunks are bounded.
  static result<snapshot_manifest> read(std::string bytes);

  /// SHA-256 of the bytes, in hex: says all that the manifest says.
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] log_index index() const { return content_.index; }
  [[nodiscard]] const std::vector<codec::snapshot_file>& files() const { return content_.files; }
  [[nodiscard]] const std::vector<chunk>& chunks() const { return chunks_; }
  /// @errors errc::corrupt
  [[nodiscard]] result<std::string> read_chunk(const std::string& directory, std::size_t n) const;
  [[nodiscard]] bool is_chunk(std::size_t n, std::string_view content) const {
    return content.size() == chunks_[n].bytes && sha256(content) == chunks_[n].digest;
  }

  snapshot_manifest(snapshot_manifest&&) = default;
  snapshot_manifest& operator=(snapshot_manifest&&) = default;
  snapshot_manifest(const snapshot_manifest&) = delete;  // chunks refer to the files' digests
  snapshot_manifest& operator=(const snapshot_manifest&) = delete;

private:
  snapshot_manifest() = default;

  std::string bytes_;
  std::string id_;
  codec::snapshot_manifest content_;
  std::vector<chunk> chunks_;
};

}  // namespace muster::storage
