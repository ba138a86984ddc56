#pragma once
#include "storage/images/image_files.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// Tarballs of strangers, read with libarchive's own filters: no program is run.
namespace muster::storage {

class tarball {
public:
  /// @errors errc::refused "Unsupported compression"
  static result<tarball> open(const std::string& path, const unpack_budget& budget);
  /// The next entry; null at the end. @errors errc::refused if it is damaged or cut,
  /// errc::too_large beyond the budget.
  result<archive_entry*> next();
  /// Its content. @errors as `next`.
  result<std::string> content(archive_entry* e, std::size_t bytes_max);
  /// Its content in blocks. @param take gets block and offset.
  template <class F>
  status blocks(F take) {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    for (;;) {
      const int code = archive_read_data_block(a_.get(), &block, &size, &offset);
      if (code == ARCHIVE_EOF) return ok();
      if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return damaged();
      if (auto within = spend(); !within) return within;
      if (auto taken = take(std::string_view(static_cast<const char*>(block), size), offset);
          !taken)
        return taken;
    }
  }

private:
  struct free_archive {
    void operator()(archive* a) const { archive_read_free(a); }
  };
  explicit tarball(const unpack_budget& budget) : budget_(budget) {}
  [[nodiscard]] failure damaged() const;
  /// What was decompressed so far must lie within the budget.
  status spend();

  std::unique_ptr<archive, free_archive> a_;
  unpack_budget budget_;
  std::uint64_t entries_ = 0;
};

/// Where tar would put an entry: without leading "/" and "./"; empty: the root itself.
/// @errors errc::refused for "..".
result<std::string> clean_name(const char* name);
/// Attributes that mean something inside a container stay; `trusted.*` means something to the host.
void keep_harmless_attributes(archive_entry* e);
/// Whether an image's part: metadata.yaml, rootfs, templates. All else is passed over.
bool is_part_of_image(std::string_view clean);

}  // namespace muster::storage
