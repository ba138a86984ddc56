#pragma once
#include "storage/snapshots/snapshot_manifest.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::storage {

/// A snapshot on its way in. Only what has the digest that the manifest names counts as here, also
/// after a crash: nothing else needs to be remembered, or synced before the end.
class incoming_snapshot {
public:
  /// What an earlier attempt has left, read and checked again; none if there is nothing of use.
  static std::optional<incoming_snapshot> find(const std::string& data_dir);
  /// In place of whatever was there.
  static result<incoming_snapshot> begin(const std::string& data_dir, snapshot_manifest what);

  [[nodiscard]] const snapshot_manifest& manifest() const { return manifest_; }
  [[nodiscard]] std::optional<std::size_t> next_missing() const;
  [[nodiscard]] std::size_t chunks_here() const { return count_; }
  /// @errors errc::corrupt if this is not chunk `n`; errc::refused if the disk takes no more.
  status keep(std::size_t n, std::string_view content);
  /// All is here and synced. @errors errc::corrupt if a chunk is missing.
  status finish();

private:
  incoming_snapshot(std::string directory, snapshot_manifest what);
  [[nodiscard]] std::string path_of(std::size_t file) const;
  void mark(std::size_t n);

  std::string directory_;
  snapshot_manifest manifest_;
  std::vector<bool> here_;
  std::size_t count_ = 0;
  std::size_t first_missing_ = 0;
};

}  // namespace muster::storage
