#include "storage/identity.hpp"
#include "storage/log/raft_store.hpp"
#include "storage/rows/state_store.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace muster;
namespace fs = std::filesystem;

namespace {

struct folder {
  fs::path path = fs::temp_directory_path() / ("storage_test." + std::to_string(::getpid()));
  folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

raft::entry entry_at(std::uint64_t index, std::uint64_t term, const std::string& text) {
  raft::entry e;
  e.index = {index};
  e.term = {term};
  e.payload = blob::copy_of(text);
  return e;
}

std::unique_ptr<storage::raft_store> open_or_fail(const std::string& path) {
  auto store = storage::raft_store::open(path);
  BOOST_REQUIRE_MESSAGE(store.ok(), (store.ok() ? "" : store.error().detail));
  return *std::move(store);
}

void write_some(storage::raft_store& store, std::uint64_t first, std::uint64_t last) {
  for (auto i = first; i <= last; ++i)
    BOOST_REQUIRE(store
                      .write(raft::hard_state{{2}, {1}}, {},
                             {entry_at(i, 2, std::string(200, static_cast<char>('a' + i % 26)))})
                      .ok());
}

/// Begins a case of the suite `dying` in a process of its own. Not a fork: the sanitizers cannot
/// follow threads that begin in a forked child.
pid_t begin_a_process(const char* name, const std::string& store) {
  ::setenv("MUSTER_TEST_STORE", store.c_str(), 1);
  std::string wanted = std::string("--run_test=dying/") + name;
  char program[] = "storage_test";
  char* arguments[] = {program, wanted.data(), nullptr};
  pid_t child = 0;
  BOOST_REQUIRE(::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ) == 0);
  return child;
}

void in_a_process_that_dies(const char* name, const std::string& store) {
  int state = 0;
  ::waitpid(begin_a_process(name, store), &state, 0);
  BOOST_REQUIRE(WIFEXITED(state) && WEXITSTATUS(state) == 0);
}

/// Writes entries 1 to `last` and dies without closing anything, as kill -9 does.
[[noreturn]] void write_and_die(std::uint64_t last, raft_term term, const std::string& payload) {
  auto store = storage::raft_store::open(std::getenv("MUSTER_TEST_STORE"));
  if (!store) ::_exit(1);
  for (std::uint64_t i = 1; i <= last; ++i)
    if (!(*store)->write(raft::hard_state{{3}, {2}}, {}, {entry_at(i, term.value, payload)}))
      ::_exit(2);
  ::_exit(0);
}

std::size_t payload_bytes_of(std::uint64_t index) { return 100 + index * 7919 % 60'000; }
raft::entry numbered(std::uint64_t index) {
  return entry_at(index, 2,
                  std::string(payload_bytes_of(index), static_cast<char>('a' + index % 26)));
}

/// Goes on behind what is there and compacts now and then. Beside the store lies what was
/// acknowledged.
[[noreturn]] void write_until_killed(const std::string& path) {
  auto store = storage::raft_store::open(path);
  if (!store) ::_exit(1);
  const auto kept = (*store)->take_contents();
  const int acknowledged = ::open((path + ".acked").c_str(), O_RDWR | O_CREAT, 0600);
  for (auto i = kept.start.index.value + kept.entries.size() + 1;; ++i) {
    if (!(*store)->write({}, {}, {numbered(i)})) ::_exit(2);
    if (::pwrite(acknowledged, &i, sizeof i, 0) != sizeof i) ::_exit(3);
    if (i % 25 != 0) continue;
    raft::snapshot_meta start;
    start.index = {i - 10};
    start.term = {2};
    if (!(*store)->compact(start)) ::_exit(4);
  }
}

std::uint64_t acknowledged_at(const std::string& path) {
  std::uint64_t last = 0;
  std::ifstream(path + ".acked", std::ios::binary)
      .read(reinterpret_cast<char*>(&last), sizeof last);
  return last;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dying, *boost::unit_test::disabled())
BOOST_AUTO_TEST_CASE(fifty) { write_and_die(50, {3}, "x"); }
BOOST_AUTO_TEST_CASE(killed) { write_until_killed(std::getenv("MUSTER_TEST_STORE")); }
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(raft_store)

BOOST_AUTO_TEST_CASE(no_log_of_the_library_lies_beside_the_data) {
  const folder f;
  { open_or_fail(f / "raft"); }
  BOOST_TEST(storage::state_store::open(f / "state", nullptr).ok());
  for (const auto* store : {"raft", "state"})
    for (const auto& file : fs::directory_iterator(f / store))
      BOOST_TEST(!file.path().filename().string().starts_with("LOG"), file.path());
}

BOOST_AUTO_TEST_CASE(what_was_written_is_there_after_a_crash) {
  const folder at;
  in_a_process_that_dies("fifty", at / "raft");
  auto store = open_or_fail(at / "raft");
  const auto kept = store->take_contents();
  BOOST_TEST(kept.entries.size() == 50U);
  BOOST_CHECK((kept.hard == raft::hard_state{{3}, {2}}));
}

/// Killed at any moment, also while a file is made or dropped: what was acknowledged is there.
BOOST_AUTO_TEST_CASE(what_was_acknowledged_is_there_after_every_kill) {
  const folder at;
  const auto path = at / "raft";
  for (std::uint64_t round = 1; round <= 12; ++round) {
    const auto wanted = acknowledged_at(path) + 5 + round * 13 % 40;
    const auto child = begin_a_process("killed", path);
    while (acknowledged_at(path) < wanted && ::waitpid(child, nullptr, WNOHANG) == 0) ::usleep(500);
    BOOST_REQUIRE_MESSAGE(acknowledged_at(path) >= wanted, "the writer ended by itself");
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const auto kept = open_or_fail(path)->take_contents();
    BOOST_REQUIRE(kept.start.index.value + kept.entries.size() >= acknowledged_at(path));
    for (std::size_t i = 0; i < kept.entries.size(); ++i)
      BOOST_REQUIRE(kept.entries[i] == numbered(kept.start.index.value + 1 + i));
  }
}

BOOST_AUTO_TEST_CASE(entries_behind_a_new_one_are_replaced) {
  const folder at;
  {
    auto store = open_or_fail(at / "raft");
    write_some(*store, 1, 10);
    BOOST_REQUIRE(store->write(std::nullopt, {}, {entry_at(5, 4, "new")}).ok());
  }
  const auto kept = open_or_fail(at / "raft")->take_contents();
  BOOST_REQUIRE(kept.entries.size() == 5U);
  BOOST_CHECK(kept.entries.back().term == raft_term{4});
}

BOOST_AUTO_TEST_CASE(a_compacted_log_begins_behind_its_start) {
  const folder at;
  {
    auto store = open_or_fail(at / "raft");
    write_some(*store, 1, 10);
    raft::snapshot_meta start;
    start.index = {6};
    start.term = {2};
    BOOST_REQUIRE(store->compact(start).ok());
  }
  const auto kept = open_or_fail(at / "raft")->take_contents();
  BOOST_CHECK(kept.start.index == log_index{6});
  BOOST_REQUIRE(kept.entries.size() == 4U);
  BOOST_CHECK(kept.entries.front().index == log_index{7});
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(identity)

BOOST_AUTO_TEST_CASE(comes_back_and_a_damaged_one_is_refused) {
  const folder at;
  storage::identity who{"uuid", {3}, {7}, 1, 99};
  BOOST_REQUIRE(storage::store_identity(at / "identity", who).ok());
  auto back = storage::load_identity(at / "identity");
  BOOST_REQUIRE(back.ok());
  BOOST_CHECK(*back == who);
  std::ofstream(at / "identity") << "rubbish";
  BOOST_CHECK(!storage::load_identity(at / "identity").ok());
  auto none = storage::load_identity(at / "missing");
  BOOST_CHECK(!none.ok() && none.error().code == errc::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
