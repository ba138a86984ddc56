#include "storage/images/image_writer.hpp"

#include "storage/disk/descriptor.hpp"
#include "storage/images/tarball.hpp"

#include <yaml-cpp/yaml.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fts.h>
#include <utility>
#include <vector>

namespace muster::storage {

namespace {

constexpr std::size_t read_bytes = 1u << 18;

constexpr std::array<std::pair<std::string_view, int>, 7> compressions{
    {{"gzip", ARCHIVE_FILTER_GZIP},
     {"none", ARCHIVE_FILTER_NONE},
     {"zstd", ARCHIVE_FILTER_ZSTD},
     {"xz", ARCHIVE_FILTER_XZ},
     {"bzip2", ARCHIVE_FILTER_BZIP2},
     {"lzma", ARCHIVE_FILTER_LZMA},
     {"lz4", ARCHIVE_FILTER_LZ4}}};

failure not_written(archive* a) {
  const char* why = archive_error_string(a);
  return fail(errc::unavailable,
              std::string("the image cannot be written: ") + (why ? why : "unknown"));
}

failure not_read(const std::string& name, const char* why) {
  return fail(errc::refused, "the file " + name + " cannot be read: " + why);
}

struct entry_free {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};
using entry = std::unique_ptr<archive_entry, entry_free>;

struct disk_free {
  void operator()(archive* a) const { archive_read_free(a); }
};
struct links_free {
  void operator()(archive_entry_linkresolver* l) const { archive_entry_linkresolver_free(l); }
};
struct fts_free {
  void operator()(FTS* f) const { ::fts_close(f); }
};

int by_name(const FTSENT** a, const FTSENT** b) {
  return std::strcmp((*a)->fts_name, (*b)->fts_name);
}

/// One folder on its way into an archive.
class tree {
public:
  tree(archive* to, std::string name) : to_(to), name_(std::move(name)) {
    archive_read_disk_set_behavior(disk_.get(), ARCHIVE_READDISK_NO_FFLAGS);
    archive_entry_linkresolver_set_strategy(links_.get(), ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
  }

  status add() {
    char here[] = ".";
    char* roots[] = {here, nullptr};
    const std::unique_ptr<FTS, fts_free> walk(
        ::fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name));
    if (!walk) return not_read(name_, std::strerror(errno));
    while (const auto* at = ::fts_read(walk.get())) {
      if (at->fts_info == FTS_DP) continue;
      if (at->fts_info == FTS_ERR || at->fts_info == FTS_DNR || at->fts_info == FTS_NS)
        return not_read(shown(*at), std::strerror(at->fts_errno));
      if (S_ISSOCK(at->fts_statp->st_mode)) continue;
      if (auto added = add(*at); !added) return added;
    }
    return errno == 0 ? ok() : status(not_read(name_, std::strerror(errno)));
  }

private:
  /// As it will be called in the archive.
  [[nodiscard]] std::string shown(const FTSENT& at) const {
    return name_ + std::string(at.fts_path + 1, at.fts_pathlen - 1u);
  }

  status add(const FTSENT& at) {
    const auto name = shown(at);
    const entry e(archive_entry_new());
    archive_entry_copy_sourcepath(e.get(), at.fts_accpath);
    archive_entry_set_pathname(e.get(), name.c_str());
    const descriptor file(S_ISREG(at.fts_statp->st_mode)
                              ? ::open(at.fts_accpath, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
                              : -1);
    if (S_ISREG(at.fts_statp->st_mode) && file.fd < 0) return not_read(name, std::strerror(errno));
    if (archive_read_disk_entry_from_file(disk_.get(), e.get(), file.fd, at.fts_statp) <
        ARCHIVE_WARN)
      return not_read(name, archive_error_string(disk_.get()));
    return write(e.get(), file.fd, name);
  }

  /// Times of reading, numbers of files and the like would make each archive another.
  status write(archive_entry* e, int file, const std::string& name) {
    keep_harmless_attributes(e);
    archive_entry* none = nullptr;
    archive_entry_linkify(links_.get(), &e, &none);
    archive_entry_unset_atime(e);
    archive_entry_unset_ctime(e);
    archive_entry_unset_birthtime(e);
    archive_entry_set_dev(e, 0);
    archive_entry_set_ino64(e, 0);
    archive_entry_set_nlink(e, 1);
    if (archive_write_header(to_, e) < ARCHIVE_WARN) return not_written(to_);
    if (file < 0 || archive_entry_size(e) == 0) return ok();
    std::vector<char> part(read_bytes);
    for (;;) {
      const auto n = ::read(file, part.data(), part.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return not_read(name, std::strerror(errno));
      if (n == 0) return ok();
      if (archive_write_data(to_, part.data(), static_cast<std::size_t>(n)) < 0)
        return not_written(to_);
    }
  }

  archive* to_;
  std::string name_;
  std::unique_ptr<archive, disk_free> disk_{archive_read_disk_new()};
  std::unique_ptr<archive_entry_linkresolver, links_free> links_{archive_entry_linkresolver_new()};
};

}  // namespace

result<std::string> changed_metadata(const std::string& before, const metadata_changes& to) try {
  auto yaml = before.empty() ? YAML::Node(YAML::NodeType::Map) : YAML::Load(before);
  if (before.empty()) {
    yaml["architecture"] = to.architecture;
    yaml["creation_date"] = to.made_s;
  }
  if (to.expires_s != 0) yaml["expiry_date"] = to.expires_s;
  if (to.properties) yaml["properties"] = *to.properties;
  YAML::Emitter out;
  out << yaml;
  return std::string(out.c_str()) + "\n";
} catch (const YAML::Exception& e) {
  return fail(errc::corrupt, std::string("the image's metadata.yaml cannot be read: ") + e.what());
}

bool is_compression(std::string_view name) {
  return std::any_of(compressions.begin(), compressions.end(),
                     [&](const auto& c) { return c.first == name; });
}

void image_writer::free_archive::operator()(archive* a) const { archive_write_free(a); }

result<image_writer> image_writer::begin(int out, const std::string& compression) {
  const auto* const how = std::find_if(compressions.begin(), compressions.end(),
                                       [&](const auto& c) { return c.first == compression; });
  if (how == compressions.end())
    return fail(errc::bad_request, "Invalid compression algorithm \"" + compression + "\"");
  image_writer w;
  w.a_.reset(archive_write_new());
  archive_write_set_format_pax_restricted(w.a_.get());
  if (archive_write_add_filter(w.a_.get(), how->second) != ARCHIVE_OK)
    return fail(errc::refused, "this server has no " + compression);
  archive_write_set_bytes_in_last_block(w.a_.get(), 1);  // nothing behind the end, in a pipe too
  archive_write_set_options(w.a_.get(), "gzip:!timestamp");
  if (archive_write_open_fd(w.a_.get(), out) != ARCHIVE_OK) return not_written(w.a_.get());
  return w;
}

status image_writer::add_file(const std::string& name, const std::string& content) {
  const entry e(archive_entry_new());
  archive_entry_set_pathname(e.get(), name.c_str());
  archive_entry_set_filetype(e.get(), AE_IFREG);
  archive_entry_set_perm(e.get(), 0644);
  archive_entry_set_size(e.get(), static_cast<la_int64_t>(content.size()));
  if (archive_write_header(a_.get(), e.get()) < ARCHIVE_WARN ||
      archive_write_data(a_.get(), content.data(), content.size()) < 0)
    return not_written(a_.get());
  return ok();
}

status image_writer::add_tree(const std::string& name) { return tree(a_.get(), name).add(); }

status image_writer::finish() {
  return archive_write_close(a_.get()) == ARCHIVE_OK ? ok() : status(not_written(a_.get()));
}

}  // namespace muster::storage
