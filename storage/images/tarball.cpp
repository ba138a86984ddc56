#include "storage/images/tarball.hpp"

#include <algorithm>
#include <sys/stat.h>
#include <vector>

namespace muster::storage {

namespace {

constexpr std::size_t block_bytes = 1u << 18;

status too_large() { return fail(errc::too_large, "the image holds more than an image may"); }

}  // namespace

result<tarball> tarball::open(const std::string& path, const unpack_budget& budget) {
  tarball t(budget);
  t.a_.reset(archive_read_new());
  archive_read_support_format_tar(t.a_.get());
  for (const auto support : {archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
                             archive_read_support_filter_xz, archive_read_support_filter_lzma,
                             archive_read_support_filter_zstd, archive_read_support_filter_lz4})
    if (support(t.a_.get()) != ARCHIVE_OK)  // else it would run a program
      return fail(errc::bad_request, "a compression is not built into libarchive");
  struct stat file {};
  if (::stat(path.c_str(), &file) == 0)
    t.budget_.bytes =
        std::min(budget.bytes, (std::uint64_t{1} << 30) +
                                   static_cast<std::uint64_t>(file.st_size) * budget.times);
  if (archive_read_open_filename(t.a_.get(), path.c_str(), block_bytes) != ARCHIVE_OK)
    return fail(errc::bad_request, "Unsupported compression");
  return t;
}

failure tarball::damaged() const {
  const char* why = archive_error_string(a_.get());
  return fail(errc::bad_request,
              std::string("the image cannot be read: ") + (why ? why : "damaged"));
}

status tarball::spend() {
  const auto read = archive_filter_bytes(a_.get(), 0);
  return read > 0 && static_cast<std::uint64_t>(read) > budget_.bytes ? too_large() : ok();
}

result<archive_entry*> tarball::next() {
  archive_entry* e = nullptr;
  const int code = archive_read_next_header(a_.get(), &e);
  if (code == ARCHIVE_EOF) return static_cast<archive_entry*>(nullptr);
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return damaged();
  if (auto within = spend(); !within) return within.error();
  if (++entries_ > budget_.entries) return too_large().error();
  return e;
}

result<std::string> tarball::content(archive_entry* e, std::size_t bytes_max) {
  const auto size = archive_entry_size(e);
  if (size < 0 || static_cast<std::uint64_t>(size) > bytes_max) return too_large().error();
  std::string all;
  auto read = blocks([&](std::string_view block, la_int64_t) -> status {
    if (all.size() + block.size() > bytes_max) return too_large();
    all += block;
    return ok();
  });
  return read ? result<std::string>(std::move(all)) : read.error();
}

result<std::string> clean_name(const char* name) {
  std::string clean;
  std::string_view left = name ? name : "";
  while (!left.empty()) {
    const auto end = std::min(left.find('/'), left.size());
    const auto part = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..")
      return fail(errc::bad_request, "the image holds a file that must not be unpacked: " +
                                         std::string(name).substr(0, 200));
    clean += (clean.empty() ? "" : "/") + std::string(part);
  }
  return clean;
}

void keep_harmless_attributes(archive_entry* e) {
  struct attribute {
    std::string name;
    std::string value;
  };
  std::vector<attribute> kept;
  archive_entry_xattr_reset(e);
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK) {
    const std::string_view n = name ? name : "";
    if (n == "security.capability" || n.starts_with("user.") || n.starts_with("system.posix_acl_"))
      kept.push_back({std::string(n), std::string(static_cast<const char*>(value), size)});
  }
  archive_entry_xattr_clear(e);
  for (const auto& a : kept)
    archive_entry_xattr_add_entry(e, a.name.c_str(), a.value.data(), a.value.size());
}

bool is_part_of_image(std::string_view clean) {
  for (const std::string_view top : {"metadata.yaml", "rootfs", "templates"})
    if (clean == top || (clean.starts_with(top) && clean[top.size()] == '/')) return true;
  return false;
}

}  // namespace muster::storage
