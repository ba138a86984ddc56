#include "storage/images/image_files.hpp"
#include "storage/images/tarball.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace muster::storage {

namespace {

constexpr std::size_t metadata_bytes_max = 1u << 20;

bool is_architecture(std::string_view name) {
  constexpr std::array<std::string_view, 14> known{
      "i686",  "x86_64",  "armv6l", "armv7l", "armv8l", "aarch64", "ppc",
      "ppc64", "ppc64le", "s390x",  "mips",   "mips64", "riscv32", "riscv64"};
  return std::find(known.begin(), known.end(), name) != known.end() || name == "loongarch64";
}

/// Refuses what is small and grows when it is read: a name for a part that is used again and again,
/// parts within parts.
class modest_yaml final : public YAML::EventHandler {
public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& at, YAML::anchor_t) override { count(at); }
  void OnAlias(const YAML::Mark& at, YAML::anchor_t) override {
    throw YAML::ParserException(at, "aliases are not taken");
  }
  void OnScalar(const YAML::Mark& at, const std::string&, YAML::anchor_t,
                const std::string&) override {
    count(at);
  }
  void OnSequenceStart(const YAML::Mark& at, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    enter(at);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& at, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    enter(at);
  }
  void OnMapEnd() override { --depth_; }

private:
  static constexpr int values_max = 20'000;
  static constexpr int depth_max = 16;
  void count(const YAML::Mark& at) {
    if (++values_ > values_max) throw YAML::ParserException(at, "too many values");
  }
  void enter(const YAML::Mark& at) {
    count(at);
    if (++depth_ > depth_max) throw YAML::ParserException(at, "too deep");
  }
  int values_ = 0;
  int depth_ = 0;
};

result<image_metadata> parse_metadata(const std::string& content) try {
  std::istringstream text(content);
  modest_yaml modest;
  YAML::Parser(text).HandleNextDocument(modest);
  const auto yaml = YAML::Load(content);
  image_metadata m;
  if (!yaml.IsMap() || !yaml["architecture"])
    return fail(errc::bad_request, "Missing \"architecture\" in metadata.yaml");
  m.architecture = yaml["architecture"].as<std::string>();
  if (m.architecture == "amd64") m.architecture = "x86_64";
  if (m.architecture == "arm64") m.architecture = "aarch64";
  if (!is_architecture(m.architecture))
    return fail(errc::bad_request,
                "The architecture isn't supported: " + m.architecture.substr(0, 64));
  constexpr std::uint64_t year_9999 = 253'402'300'799;
  if (const auto made = yaml["creation_date"])
    m.made_ms = std::min(made.as<std::uint64_t>(), year_9999) * 1000;
  if (const auto properties = yaml["properties"]; properties && properties.IsMap())
    for (const auto& p : properties)
      m.properties[p.first.as<std::string>()] = p.second.as<std::string>();
  return m;
} catch (const YAML::Exception& e) {
  return fail(errc::bad_request, std::string("Could not parse metadata.yaml: ") + e.what());
}

struct writer_free {
  void operator()(archive* a) const { archive_write_free(a); }
};
using writer = std::unique_ptr<archive, writer_free>;

failure write_failure(archive* a, const std::string& name) {
  const char* why = archive_error_string(a);
  return fail(errc::bad_request, "the image holds a file that cannot be unpacked: " + name + ": " +
                                     (why ? why : "damaged"));
}

/// Puts the names right and says whether the entry is to be unpacked.
result<bool> is_wanted(archive_entry* e) {
  auto name = clean_name(archive_entry_pathname(e));
  if (!name) return name.error();
  if (!is_part_of_image(*name)) return false;
  const auto type = archive_entry_filetype(e);
  const char* link = archive_entry_hardlink(e);
  const bool is_directory = type == AE_IFDIR && !link;
  if ((*name == "rootfs" || *name == "templates") && !is_directory)
    return fail(errc::bad_request, "the image's " + *name + " is not a directory");
  if (*name == "metadata.yaml" && (type != AE_IFREG || link))
    return fail(errc::bad_request, "the image's metadata.yaml is not a file");
  archive_entry_set_pathname(e, name->c_str());
  if (link) {
    auto target = clean_name(link);
    if (!target) return target.error();
    if (!target->starts_with("rootfs/") && !target->starts_with("templates/"))
      return fail(errc::bad_request, "the image holds a link that must not be unpacked: " + *name);
    archive_entry_set_hardlink(e, target->c_str());
  }
  // Devices come from the container's own /dev.
  return type != AE_IFCHR && type != AE_IFBLK;
}

}  // namespace

result<image_metadata> inspect_image(const std::string& path, const unpack_budget& budget) {
  auto t = tarball::open(path, budget);
  if (!t) return t.error();
  std::optional<image_metadata> found;
  bool any = false;
  bool has_root = false;
  for (;;) {
    auto e = t->next();
    if (!e) return any ? e.error() : fail(errc::bad_request, "Unsupported compression");
    if (!*e) break;
    any = true;
    auto name = clean_name(archive_entry_pathname(*e));
    if (!name) return name.error();
    has_root = has_root || name->starts_with("rootfs/") ||
               (*name == "rootfs" && archive_entry_filetype(*e) == AE_IFDIR);
    if (auto wanted = is_wanted(*e); !wanted) return wanted.error();
    if (*name != "metadata.yaml" || found) {
      // Read, not skipped: what is decompressed is counted on the way.
      if (auto whole = t->blocks([](std::string_view, la_int64_t) { return ok(); }); !whole)
        return whole.error();
      continue;
    }
    auto content = t->content(*e, metadata_bytes_max);
    if (!content) return content.error();
    auto m = parse_metadata(*content);
    if (!m) return m;
    found = *std::move(m);
  }
  if (!any) return fail(errc::bad_request, "Unsupported compression");
  if (!found) return fail(errc::bad_request, "Metadata tarball is missing metadata.yaml");
  if (!has_root) return fail(errc::bad_request, "the image has no rootfs directory");
  return *std::move(found);
}

namespace {

/// Asks for room before each piece is written.
class pieces {
public:
  explicit pieces(const std::function<status(std::uint64_t)>& has_room) : has_room_(has_room) {}
  status spend(std::uint64_t bytes) {
    written_ += bytes;
    if (!has_room_ || written_ < checked_) return ok();
    checked_ = written_ + piece_bytes;
    return has_room_(piece_bytes);
  }

private:
  static constexpr std::uint64_t piece_bytes = 16u << 20;
  const std::function<status(std::uint64_t)>& has_room_;
  std::uint64_t written_ = 0;
  std::uint64_t checked_ = 0;
};

}  // namespace

status unpack_image(const std::string& path, bool as_root, const unpack_budget& budget,
                    const std::function<status(std::uint64_t)>& has_room) {
  auto t = tarball::open(path, budget);
  if (!t) return t.error();
  const writer w(archive_write_disk_new());
  int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
              ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS |
              ARCHIVE_EXTRACT_UNLINK | ARCHIVE_EXTRACT_SPARSE;
  if (as_root) flags |= ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_ACL;
  archive_write_disk_set_options(w.get(), flags);
  constexpr std::uint64_t entry_bytes = 4096;  // of the file system, about
  pieces of(has_room);
  for (;;) {
    auto e = t->next();
    if (!e) return e.error();
    if (!*e) return ok();
    auto wanted = is_wanted(*e);
    if (!wanted) return wanted.error();
    if (!*wanted) continue;
    keep_harmless_attributes(*e);
    if (auto room = of.spend(entry_bytes); !room) return room;
    const std::string name = archive_entry_pathname(*e);
    if (archive_write_header(w.get(), *e) < ARCHIVE_WARN) return write_failure(w.get(), name);
    auto copied = t->blocks([&](std::string_view block, la_int64_t offset) -> status {
      if (auto room = of.spend(block.size()); !room) return room;
      if (archive_write_data_block(w.get(), block.data(), block.size(), offset) < 0)
        return write_failure(w.get(), name);
      return ok();
    });
    if (!copied) return copied;
    if (archive_write_finish_entry(w.get()) < ARCHIVE_WARN) return write_failure(w.get(), name);
  }
}

}  // namespace muster::storage
