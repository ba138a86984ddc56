#include "storage/image_files.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <yaml-cpp/yaml.h>

namespace muster::storage {

namespace {

constexpr std::size_t metadata_bytes_max = 1u << 20;
constexpr std::size_t block_bytes = 1u << 18;

struct reader_free {
  void operator()(archive* a) const { archive_read_free(a); }
};
struct writer_free {
  void operator()(archive* a) const { archive_write_free(a); }
};
using reader = std::unique_ptr<archive, reader_free>;
using writer = std::unique_ptr<archive, writer_free>;

failure archive_failure(archive* a) {
  const char* why = archive_error_string(a);
  return fail(errc::refused, std::string("the image cannot be read: ") + (why ? why : "damaged"));
}

result<reader> open_tarball(const std::string& path) {
  reader a(archive_read_new());
  archive_read_support_format_tar(a.get());
  archive_read_support_filter_all(a.get());
  if (archive_read_open_filename(a.get(), path.c_str(), block_bytes) != ARCHIVE_OK)
    return fail(errc::refused, "Unsupported compression");
  return a;
}

bool is_good(int code) { return code == ARCHIVE_OK || code == ARCHIVE_WARN; }

std::string_view plain_name(archive_entry* e) {
  const char* name = archive_entry_pathname(e);
  std::string_view text = name ? name : "";
  if (text.starts_with("./")) text.remove_prefix(2);
  return text;
}

result<std::string> read_entry(archive* a, archive_entry* e) {
  const auto size = archive_entry_size(e);
  if (size < 0 || static_cast<std::size_t>(size) > metadata_bytes_max)
    return fail(errc::refused, "metadata.yaml of the image is too large");
  std::string content(static_cast<std::size_t>(size), '\0');
  const auto n = archive_read_data(a, content.data(), content.size());
  if (n != static_cast<la_ssize_t>(content.size())) return archive_failure(a);
  return content;
}

result<image_metadata> parse_metadata(const std::string& content) try {
  const auto yaml = YAML::Load(content);
  image_metadata m;
  if (!yaml.IsMap() || !yaml["architecture"])
    return fail(errc::refused, "Missing \"architecture\" in metadata.yaml");
  m.architecture = yaml["architecture"].as<std::string>();
  if (const auto made = yaml["creation_date"]) m.made_ms = made.as<std::uint64_t>() * 1000;
  if (const auto properties = yaml["properties"]; properties && properties.IsMap())
    for (const auto& p : properties)
      m.properties[p.first.as<std::string>()] = p.second.as<std::string>();
  return m;
} catch (const YAML::Exception& e) {
  return fail(errc::refused, std::string("Could not parse metadata.yaml: ") + e.what());
}

status copy_data(archive* from, archive* to) {
  const void* block = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  int code = ARCHIVE_OK;
  while (is_good(code = archive_read_data_block(from, &block, &size, &offset)))
    if (archive_write_data_block(to, block, size, offset) < 0) return archive_failure(to);
  return code == ARCHIVE_EOF ? ok() : archive_failure(from);
}

}  // namespace

result<image_metadata> inspect_image(const std::string& path) {
  auto a = open_tarball(path);
  if (!a) return a.error();
  archive_entry* e = nullptr;
  int code = ARCHIVE_OK;
  bool any = false;
  while (is_good(code = archive_read_next_header(a->get(), &e))) {
    any = true;
    if (plain_name(e) != "metadata.yaml") continue;
    auto content = read_entry(a->get(), e);
    if (!content) return content.error();
    return parse_metadata(*content);
  }
  if (!any) return fail(errc::refused, "Unsupported compression");
  if (code != ARCHIVE_EOF) return archive_failure(a->get());
  return fail(errc::refused, "Metadata tarball is missing metadata.yaml");
}

status unpack_image(const std::string& path, bool as_root) {
  auto a = open_tarball(path);
  if (!a) return a.error();
  const writer w(archive_write_disk_new());
  int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
              ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS |
              ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_SPARSE;
  if (as_root) flags |= ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_ACL;
  archive_write_disk_set_options(w.get(), flags);
  archive_entry* e = nullptr;
  int code = ARCHIVE_OK;
  while (is_good(code = archive_read_next_header(a->get(), &e))) {
    const auto type = archive_entry_filetype(e);
    // Devices come from the container's own /dev.
    if (type == AE_IFCHR || type == AE_IFBLK) continue;
    if (archive_write_header(w.get(), e) < ARCHIVE_WARN)
      return fail(errc::refused, "the image holds a file that must not be unpacked: " +
                                     std::string(plain_name(e)) + ": " +
                                     archive_error_string(w.get()));
    if (auto copied = copy_data(a->get(), w.get()); !copied) return copied;
    if (archive_write_finish_entry(w.get()) < ARCHIVE_WARN) return archive_failure(w.get());
  }
  if (code != ARCHIVE_EOF) return archive_failure(a->get());
  return ok();
}

}  // namespace muster::storage
