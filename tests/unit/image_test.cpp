#include "storage/disk/sha256.hpp"
#include "storage/images/image_files.hpp"
#include "storage/images/image_writer.hpp"
#include "storage/images/incoming_image.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
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

namespace {

/// The tree at `from` as a tarball at `to`, written by a process of its own.
int pack(const fs::path& from, const fs::path& to, const std::string& compression) {
  const auto child = ::fork();
  if (child == 0) {
    const int out = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    auto w = storage::image_writer::begin(out, compression);
    if (!w || ::chdir(from.c_str()) != 0) ::_exit(9);
    const bool is_good = w->add_file("metadata.yaml", metadata).ok() &&
                         w->add_tree("rootfs").ok() && w->finish().ok();
    ::_exit(is_good ? 0 : 1);
  }
  int state = 0;
  ::waitpid(child, &state, 0);
  return WIFEXITED(state) ? WEXITSTATUS(state) : 99;
}

std::string content(const fs::path& of) {
  std::ifstream in(of, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_tree_is_packed_alike_each_time) {
  const folder at;
  const auto tree = at.path / "tree";
  fs::create_directories(tree / "etc");
  std::ofstream(tree / "etc/z") << "last";
  std::ofstream(tree / "etc/a") << "first";
  fs::create_hard_link(tree / "etc/a", tree / "etc/same");
  fs::create_symlink("../../outside", tree / "link");
  {
    std::ofstream sparse(tree / "sparse");
    sparse.seekp(8 << 20);
    sparse << "end";
  }
  fs::permissions(tree / "etc/z", fs::perms(04755));
  for (const char* how : {"none", "gzip", "zstd", "xz"}) {
    BOOST_TEST_CONTEXT(how) {
      BOOST_TEST(pack(tree, at.path / "one", how) == 0);
      (void)content(tree / "etc/z");  // has been read meanwhile
      BOOST_TEST(pack(tree, at.path / "two", how) == 0);
      BOOST_TEST((content(at.path / "one") == content(at.path / "two")));
      if (std::string_view(how) == "gzip")  // the time of its making would stand there
        BOOST_TEST(content(at.path / "one").substr(4, 4) == std::string(4, '\0'));
      BOOST_TEST(storage::inspect_image(at.path / "one").ok());
      BOOST_TEST(fs::file_size(at.path / "one") < 1u << 20);
      fs::remove_all(at.path / "into");
      fs::create_directories(at.path / "into");
      BOOST_TEST(unpack(at.path / "one", at.path / "into") == 0);
      const auto back = at.path / "into/rootfs";
      BOOST_TEST(content(back / "etc/a") == "first");
      BOOST_TEST(fs::equivalent(back / "etc/a", back / "etc/same"));
      BOOST_TEST(fs::read_symlink(back / "link") == "../../outside");
      BOOST_TEST((content(back / "sparse") == content(tree / "sparse")));
      BOOST_TEST((fs::status(back / "etc/z").permissions() == fs::perms(04755)));
    }
  }
  BOOST_TEST(pack(tree, at.path / "one", "rot13") == 9);
}

BOOST_AUTO_TEST_CASE(metadata_changes_what_is_named) {
  const auto changed = storage::changed_metadata(
      std::string(metadata) + "templates:\n  /etc/hosts:\n    when: [create]\n",
      {"aarch64", 5, {{{"os", "mine"}}}, 77});
  BOOST_REQUIRE(changed.ok());
  for (const char* part : {"x86_64", "1760000000", "os: mine", "expiry_date: 77", "/etc/hosts"})
    BOOST_TEST(changed->find(part) != std::string::npos, part);
  const auto fresh = storage::changed_metadata("", {"aarch64", 5, {}, 0});
  BOOST_REQUIRE(fresh.ok());
  BOOST_TEST(*fresh == "architecture: aarch64\ncreation_date: 5\n");
  BOOST_TEST(!storage::changed_metadata("[", {}).ok());
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

BOOST_AUTO_TEST_CASE(names_are_taken_as_tar_takes_them) {
  const folder at;
  {
    tar_file t(at.path / "absolute");
    t.file("/metadata.yaml", metadata);
    t.file("/rootfs/etc/inittab", "x");
    t.file("./rootfs//etc/./hosts", "y");
    t.file("other/thing", "z");
  }
  BOOST_TEST(storage::inspect_image(at.path / "absolute").ok());
  BOOST_TEST(unpack(at.path / "absolute", at.path / "into") == 0);
  BOOST_TEST(fs::exists(at.path / "into/rootfs/etc/inittab"));
  BOOST_TEST(fs::exists(at.path / "into/rootfs/etc/hosts"));
  BOOST_TEST(!fs::exists(at.path / "into/other"));
}

BOOST_AUTO_TEST_CASE(a_root_that_is_no_directory_is_refused) {
  const struct {
    const char* what;
    std::function<void(tar_file&)> fill;
  } cases[] = {
      {"a link", [](tar_file& t) { t.link("rootfs", "/"); }},
      {"first a directory, then a link",
       [](tar_file& t) {
         t.add("rootfs", AE_IFDIR, "", "");
         t.link("rootfs", "/");
       }},
      {"a file", [](tar_file& t) { t.file("rootfs", "x"); }},
      {"none", [](tar_file& t) { t.file("templates/x", "x"); }},
      {"with a slash", [](tar_file& t) { t.link("./rootfs/", "../.."); }},
      {"dots", [](tar_file& t) { t.file("rootfs/../../x", "x"); }},
      {"metadata once more, as a link",
       [](tar_file& t) {
         t.file("rootfs/x", "x");
         t.link("metadata.yaml", "/etc/passwd");
       }},
  };
  for (const auto& c : cases) {
    const folder at;
    {
      tar_file t(at.path / "bad");
      t.file("metadata.yaml", metadata);
      c.fill(t);
    }
    BOOST_CHECK_MESSAGE(!storage::inspect_image(at.path / "bad").ok(), c.what);
    (void)unpack(at.path / "bad", at.path / "into");
    for (const char* part : {"into/rootfs", "into/metadata.yaml"})
      BOOST_CHECK_MESSAGE(!fs::is_symlink(at.path / part), c.what);
  }
}

BOOST_AUTO_TEST_CASE(what_is_more_than_an_image_may_hold_is_refused) {
  const folder at;
  {
    tar_file t(at.path / "bomb");
    t.file("rootfs/zeros", std::string(8 << 20, '\0'));
    t.file("metadata.yaml", metadata);
    for (int i = 0; i < 50; ++i) t.file("rootfs/f" + std::to_string(i), "");
  }
  BOOST_TEST(storage::inspect_image(at.path / "bomb").ok());
  BOOST_CHECK(storage::inspect_image(at.path / "bomb", {1 << 20, 1000}).error().code ==
              errc::too_large);
  BOOST_CHECK(storage::inspect_image(at.path / "bomb", {1 << 30, 20}).error().code ==
              errc::too_large);
}

BOOST_AUTO_TEST_CASE(damage_behind_the_metadata_is_seen_at_the_import) {
  const folder at;
  {
    tar_file t(at.path / "cut");
    t.file("metadata.yaml", metadata);
    std::string noise(1 << 20, '\0');
    std::uint32_t x = 1;
    for (auto& c : noise) c = static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
    t.file("rootfs/noise", noise);
  }
  fs::resize_file(at.path / "cut", fs::file_size(at.path / "cut") * 9 / 10);
  BOOST_TEST(!storage::inspect_image(at.path / "cut").ok());
}

BOOST_AUTO_TEST_CASE(metadata_is_checked) {
  for (const char* bad : {"architecture: z80\n", "creation_date: 1\n", "[", "architecture: [a]\n",
                          "architecture: x86_64\ncreation_date: -5\n"}) {
    const folder at;
    {
      tar_file t(at.path / "bad");
      t.file("metadata.yaml", bad);
      t.file("rootfs/x", "x");
    }
    BOOST_CHECK_MESSAGE(!storage::inspect_image(at.path / "bad").ok(), bad);
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
  BOOST_TEST((*upload)->finish() ==
             "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_REQUIRE((*upload)->keep().ok());
  BOOST_TEST(storage::has_image(
      at.path, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

BOOST_AUTO_TEST_CASE(a_file_that_comes_again_is_not_removed_by_those_who_are_late) {
  const folder at;
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const auto nobody = [] { return false; };
  auto upload = storage::image_upload::begin(at.path);
  BOOST_REQUIRE((*upload)->take("abc").ok());
  (void)(*upload)->finish();
  BOOST_REQUIRE((*upload)->keep().ok());
  storage::remove_image(at.path, abc, nobody);  // its record is about to come
  BOOST_TEST(storage::has_image(at.path, abc));
  upload->reset();
  storage::remove_image(at.path, abc, [] { return true; });
  BOOST_TEST(storage::has_image(at.path, abc));
  BOOST_CHECK(storage::check_fingerprint(storage::image_path(at.path, abc), abc).ok());
  std::ofstream(storage::image_path(at.path, abc)) << "abd";
  BOOST_CHECK(!storage::check_fingerprint(storage::image_path(at.path, abc), abc).ok());
  storage::remove_image(at.path, abc, nobody);
  BOOST_TEST(!storage::has_image(at.path, abc));
}

BOOST_AUTO_TEST_CASE(unpacking_ends_where_there_is_no_room) {
  const folder at;
  {
    tar_file t(at.path / "large");
    t.file("metadata.yaml", metadata);
    t.file("rootfs/large", std::string(40u << 20, 'z'));
  }
  const auto before = fs::current_path();
  fs::current_path(at.path / "into");
  int asked = 0;
  auto done = storage::unpack_image(at.path / "large", false, {}, [&](std::uint64_t) -> status {
    return ++asked < 3 ? ok() : status(fail(errc::unavailable, "No space left"));
  });
  fs::current_path(before);
  BOOST_REQUIRE(!done.ok());
  BOOST_TEST(done.error().detail == "No space left");
  BOOST_TEST(asked == 3);
}

BOOST_AUTO_TEST_CASE(a_file_comes_in_chunks_and_goes_on_after_a_crash) {
  const folder at;
  std::filesystem::create_directories(at.path / "images");
  std::string content(3'500'000, 'x');
  for (std::size_t i = 0; i < content.size(); i += 97) content[i] = static_cast<char>(i >> 7);
  const auto fingerprint = sha256_hex(content);
  std::ofstream(at.path / "source") << content;
  const auto chunks = *storage::describe_image(at.path / "source");
  BOOST_TEST(chunks.digests.size() == 4U);
  BOOST_CHECK(*storage::parse_chunks(storage::to_text(chunks)) == chunks);
  for (const char* bad : {"", "x", "12\n", "1\nx", "99999999999999999999\n"})
    BOOST_CHECK_MESSAGE(!storage::parse_chunks(bad), bad);
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  {
    auto in = *storage::incoming_image::begin(at.path, fingerprint, chunks);
    BOOST_TEST(in->take(content.substr(0, 2'500'000)).ok());
    BOOST_TEST(in->here() == 2U << 20);
    BOOST_TEST(in->read(0, 5, soon)->size() == 5U);
    BOOST_TEST(!in->read(2U << 20, 5, soon).ok());
    BOOST_TEST(!in->keep().ok());
  }
  {
    std::fstream damaged(storage::incoming_path(at.path, fingerprint),
                         std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp((1 << 20) + 5);
    damaged.put('!');
  }
  auto in = *storage::incoming_image::begin(at.path, fingerprint, chunks);
  BOOST_TEST(in->here() == 1U << 20);
  auto wrong = content.substr(1 << 20, 1 << 20);
  wrong[9] ^= 1;
  BOOST_CHECK(in->take(wrong).error().code == errc::corrupt);
  in->drop_unchecked();
  BOOST_TEST(in->take(content.substr(1 << 20)).ok());
  BOOST_CHECK(in->take("more").error().code == errc::corrupt);
  BOOST_TEST(in->keep().ok());
  BOOST_TEST(storage::has_image(at.path, fingerprint));
  BOOST_TEST(!std::filesystem::exists(storage::incoming_path(at.path, fingerprint)));
}

/// Whoever tells wrong digests gives another file.
BOOST_AUTO_TEST_CASE(another_file_is_not_kept) {
  const folder at;
  std::ofstream(at.path / "source") << "another";
  const auto chunks = *storage::describe_image(at.path / "source");
  const auto fingerprint = sha256_hex("wanted");
  auto in = *storage::incoming_image::begin(at.path, fingerprint, chunks);
  BOOST_TEST(in->take("another").ok());
  BOOST_CHECK(in->keep().error().code == errc::corrupt);
  BOOST_TEST(!std::filesystem::exists(storage::incoming_path(at.path, fingerprint)));
}

BOOST_AUTO_TEST_SUITE_END()
