#include "storage/image_files.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace muster;
namespace fs = std::filesystem;

namespace {

struct folder {
  fs::path path = fs::temp_directory_path() / ("image_test." + std::to_string(::getpid()));
  folder() {
    fs::remove_all(path);
    fs::create_directories(path / "into");
  }
  ~folder() { fs::remove_all(path); }
};

struct tar_file {
  archive* a = archive_write_new();
  explicit tar_file(const fs::path& at) {
    archive_write_set_format_pax_restricted(a);
    archive_write_add_filter_gzip(a);
    archive_write_open_filename(a, at.c_str());
  }
  ~tar_file() { archive_write_free(a); }
  tar_file(const tar_file&) = delete;
  tar_file& operator=(const tar_file&) = delete;
  void file(const std::string& name, const std::string& content) {
    add(name, AE_IFREG, content, "");
  }
  void link(const std::string& name, const std::string& target) { add(name, AE_IFLNK, "", target); }
  void add(const std::string& name, unsigned type, const std::string& content,
           const std::string& target) {
    archive_entry* e = archive_entry_new();
    archive_entry_set_pathname(e, name.c_str());
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, static_cast<la_int64_t>(content.size()));
    if (!target.empty()) archive_entry_set_symlink(e, target.c_str());
    archive_write_header(a, e);
    archive_write_data(a, content.data(), content.size());
    archive_entry_free(e);
  }
};

/// In a process of its own: unpacking changes the directory.
int unpack(const fs::path& file, const fs::path& into) {
  const auto child = ::fork();
  if (child == 0) {
    if (::chdir(into.c_str()) != 0) ::_exit(9);
    ::_exit(storage::unpack_image(file, false) ? 0 : 1);
  }
  int state = 0;
  ::waitpid(child, &state, 0);
  return WIFEXITED(state) ? WEXITSTATUS(state) : 99;
}

constexpr const char* metadata =
    "architecture: x86_64\ncreation_date: 1760000000\nproperties:\n  os: tiny\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(images)

BOOST_AUTO_TEST_CASE(metadata_is_read_and_files_are_unpacked) {
  const folder at;
  {
    tar_file t(at.path / "good");
    t.file("metadata.yaml", metadata);
    t.file("rootfs/etc/hostname", "tiny");
  }
  auto m = storage::inspect_image(at.path / "good");
  BOOST_REQUIRE(m.ok());
  BOOST_TEST(m->architecture == "x86_64");
  BOOST_TEST(m->properties["os"] == "tiny");
  BOOST_TEST(m->made_ms == 1760000000000U);
  BOOST_TEST(unpack(at.path / "good", at.path / "into") == 0);
  BOOST_TEST(fs::exists(at.path / "into/rootfs/etc/hostname"));
}

BOOST_AUTO_TEST_CASE(nothing_is_written_outside) {
  const struct {
    const char* what;
    std::function<void(tar_file&)> fill;
  } attacks[] = {
      {"dots", [](tar_file& t) { t.file("rootfs/../../escaped", "x"); }},
      {"absolute",
       [&](tar_file& t) {
         t.file((fs::temp_directory_path() / "image_test.escaped").string(), "x");
       }},
      {"symlink",
       [](tar_file& t) {
         t.link("rootfs/out", "../..");
         t.file("rootfs/out/escaped", "x");
       }},
  };
  for (const auto& attack : attacks) {
    const folder at;
    {
      tar_file t(at.path / "bad");
      t.file("metadata.yaml", metadata);
      attack.fill(t);
    }
    (void)unpack(at.path / "bad", at.path / "into");
    BOOST_CHECK_MESSAGE(!fs::exists(at.path / "escaped"), attack.what);
    BOOST_CHECK_MESSAGE(!fs::exists(fs::temp_directory_path() / "image_test.escaped"), attack.what);
  }
}

BOOST_AUTO_TEST_CASE(garbage_and_cut_files_are_refused) {
  const folder at;
  std::ofstream(at.path / "garbage") << "garbage";
  auto refused = storage::inspect_image(at.path / "garbage");
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().detail == "Unsupported compression");
  {
    tar_file t(at.path / "cut");
    t.file("metadata.yaml", metadata);
    t.file("rootfs/large", std::string(1 << 20, 'z'));
  }
  fs::resize_file(at.path / "cut", fs::file_size(at.path / "cut") / 2);
  BOOST_TEST(unpack(at.path / "cut", at.path / "into") == 1);
  {
    tar_file t(at.path / "bare");
    t.file("rootfs/x", "x");
  }
  BOOST_CHECK(!storage::inspect_image(at.path / "bare").ok());
}

BOOST_AUTO_TEST_CASE(an_upload_is_kept_under_its_fingerprint_or_not_at_all) {
  const folder at;
  {
    auto dropped = storage::image_upload::begin(at.path);
    BOOST_REQUIRE(dropped.ok());
    BOOST_REQUIRE((*dropped)->take("half").ok());
  }
  BOOST_TEST(fs::is_empty(at.path / "images"));
  auto upload = storage::image_upload::begin(at.path);
  BOOST_REQUIRE((*upload)->take("ab").ok());
  BOOST_REQUIRE((*upload)->take("c").ok());
  BOOST_TEST(*(*upload)->finish() ==
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_REQUIRE((*upload)->keep().ok());
  BOOST_TEST(storage::has_image(
      at.path, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

BOOST_AUTO_TEST_SUITE_END()
