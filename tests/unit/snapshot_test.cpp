#include "actors/snapshots/fetch.hpp"
#include "storage/snapshots/incoming_snapshot.hpp"
#include "storage/snapshots/outgoing_snapshots.hpp"
#include "storage/snapshots/snapshot_files.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace muster;
using namespace std::chrono_literals;
using storage::incoming_snapshot;
using storage::snapshot_manifest;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t chunk_bytes = 64;

struct folder {
  fs::path path = fs::temp_directory_path() / ("snapshot_test." + std::to_string(::getpid()));
  folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~folder() { fs::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A sender whose answers can be spoilt, and a receiver: both in one folder.
struct transfer {
  folder at;
  std::string out = at / "out";
  std::string data = at / "data";
  snapshot_manifest manifest;
  std::vector<std::size_t> asked;  ///< numbers of chunks
  int manifests = 0;
  std::vector<std::string> log;
  /// Sees each chunk that goes out: may change it or say something else.
  std::function<result<std::string>(std::size_t, std::string)> spoil;

  transfer() : manifest(made()) {}

  snapshot_manifest made(char filling = 's') const {
    fs::remove_all(out);
    fs::create_directories(out);
    std::ofstream(out + "/CURRENT") << "MANIFEST-000004\n";
    std::ofstream(out + "/empty") << "";
    std::ofstream(out + "/000008.sst") << std::string(2 * chunk_bytes, filling);
    std::ofstream(out + "/000009.sst") << std::string(2 * chunk_bytes + 5, 't');
    auto m = snapshot_manifest::describe(out, {7}, chunk_bytes);
    BOOST_REQUIRE(m.ok());
    return *std::move(m);
  }
  [[nodiscard]] std::size_t chunks() const { return manifest.chunks().size(); }

  status run(log_index at_least = {7}, const std::stop_token& stop = {}) {
    asked.clear();
    snapshots::source from;
    from.manifest = [this](log_index) -> result<std::string> {
      ++manifests;
      return manifest.bytes();
    };
    from.chunk = [this](const std::string& id, std::size_t n) -> result<std::string> {
      asked.push_back(n);
      if (id != manifest.id()) return fail(errc::not_found, "dropped");
      auto bytes = manifest.read_chunk(out, n);
      return spoil && bytes ? spoil(n, *std::move(bytes)) : bytes;
    };
    return snapshots::fetch(from, data, at_least, stop,
                            [this](const std::string& text) { log.push_back(text); });
  }

  /// What was received is what was sent.
  void check_received() const {
    for (const auto& file : fs::directory_iterator(out))
      BOOST_TEST(content_of(storage::incoming_directory(data) + "/" +
                            file.path().filename().string()) == content_of(file.path()));
    const auto count = [](const std::string& path) {
      return std::distance(fs::directory_iterator(path), fs::directory_iterator());
    };
    BOOST_TEST(count(storage::incoming_directory(data)) == count(out));
  }
};

result<std::string> cut_off(std::size_t, std::string) {
  return fail(errc::unavailable, "the connection was closed");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fetching)

BOOST_AUTO_TEST_CASE(all_chunks_come_once_and_in_order) {
  transfer t;
  BOOST_TEST(t.chunks() == 6U);
  BOOST_REQUIRE(t.run().ok());
  BOOST_TEST(t.asked == (std::vector<std::size_t>{0, 1, 2, 3, 4, 5}),
             boost::test_tools::per_element());
  t.check_received();
  BOOST_REQUIRE(storage::install_snapshot(t.data).ok());
  BOOST_TEST(!fs::exists(storage::incoming_manifest(t.data)));
  BOOST_TEST(content_of(storage::state_directory(t.data) + "/CURRENT") == "MANIFEST-000004\n");
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_seen_and_the_chunk_asked_again) {
  transfer t;
  for (std::size_t n = 0; n < t.chunks(); ++n) {
    const auto bits = 8 * t.manifest.chunks()[n].bytes;
    for (std::size_t bit = 0; bit < bits; ++bit) {
      bool done = false;
      t.spoil = [&](std::size_t i, std::string bytes) -> result<std::string> {
        if (i == n && !std::exchange(done, true))
          bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
        return bytes;
      };
      BOOST_REQUIRE(storage::drop_incoming(t.data).ok());
      BOOST_REQUIRE(t.run().ok());
      BOOST_REQUIRE(t.asked.size() == t.chunks() + 1);
    }
  }
  t.check_received();
}

BOOST_AUTO_TEST_CASE(a_chunk_that_stays_damaged_ends_the_fetch) {
  const std::map<std::string, std::function<std::string(std::string)>> damages = {
      {"short", [](std::string b) { return b.substr(1); }},
      {"long", [](std::string b) { return b + "x"; }},
      {"empty", [](std::string) { return std::string(); }},
      {"another", [](std::string b) { return std::string(b.size(), 'x'); }}};
  for (const auto& [what, damage] : damages) {
    transfer t;
    t.spoil = [&](std::size_t i, std::string b) -> result<std::string> {
      return i == 2 ? damage(std::move(b)) : std::move(b);
    };
    const auto done = t.run();
    BOOST_REQUIRE_MESSAGE(!done.ok(), what);
    BOOST_CHECK(done.error().code == errc::corrupt);
    BOOST_TEST(t.asked.size() == 2 + limits::snapshot_attempts_max);
  }
}

BOOST_AUTO_TEST_CASE(a_fetch_goes_on_behind_each_chunk) {
  for (std::size_t kept = 1; kept <= 6; ++kept) {
    transfer t;
    t.spoil = [&](std::size_t i, std::string b) -> result<std::string> {
      return i < kept ? result<std::string>(std::move(b)) : cut_off(i, b);
    };
    BOOST_TEST(t.run().ok() == (kept == t.chunks()));
    t.spoil = nullptr;
    BOOST_REQUIRE(t.run().ok());
    BOOST_TEST(t.asked.size() == t.chunks() - kept);
    BOOST_TEST(t.manifests == 1);
    BOOST_TEST(t.log.back() ==
               "a snapshot goes on: " + std::to_string(kept) + " of 6 chunks are here");
    t.check_received();
  }
}

BOOST_AUTO_TEST_CASE(a_broken_connection_is_dialled_again) {
  transfer t;
  int broken = 0;
  t.spoil = [&](std::size_t i, std::string b) -> result<std::string> {
    return i == 3 && ++broken < limits::snapshot_attempts_max ? cut_off(i, b) : std::move(b);
  };
  BOOST_REQUIRE(t.run().ok());
  t.check_received();
}

BOOST_AUTO_TEST_CASE(what_lies_there_damaged_is_fetched_again) {
  transfer t;
  BOOST_REQUIRE(t.run().ok());
  const auto incoming = fs::path(storage::incoming_directory(t.data));
  const std::map<std::string, std::function<void()>> damages = {
      {"flipped", [&] { std::fstream(incoming / "000009.sst") << 'x'; }},
      {"cut", [&] { fs::resize_file(incoming / "000009.sst", 10); }},
      {"lost", [&] { fs::remove(incoming / "000009.sst"); }},
      {"a link",
       [&] {
         fs::remove(incoming / "000009.sst");
         fs::create_symlink(t.out + "/000009.sst", incoming / "000009.sst");
       }},
      {"manifest", [&] { std::fstream(storage::incoming_manifest(t.data)) << "xxxxxxxxxxxx"; }}};
  for (const auto& [what, damage] : damages) {
    damage();
    BOOST_REQUIRE_MESSAGE(t.run().ok(), what);
    BOOST_TEST(!t.asked.empty(), what);
    t.check_received();
    BOOST_TEST(!fs::is_symlink(incoming / "000009.sst"));
  }
}

BOOST_AUTO_TEST_CASE(another_snapshot_begins_anew) {
  transfer t;
  t.spoil = [&](std::size_t i, std::string b) -> result<std::string> {
    return i < 3 ? result<std::string>(std::move(b)) : cut_off(i, b);
  };
  BOOST_REQUIRE(!t.run().ok());
  t.spoil = nullptr;
  t.manifest = t.made('z');  // the other has dropped the first, or is another
  BOOST_REQUIRE(t.run().ok());
  BOOST_TEST(t.manifests == 2);
  BOOST_TEST(t.log.back() == "a snapshot begins: 0 of 6 chunks are here");
  t.check_received();
}

BOOST_AUTO_TEST_CASE(what_is_older_than_the_offer_is_not_taken) {
  transfer t;
  t.spoil = cut_off;
  BOOST_REQUIRE(!t.run().ok());
  t.spoil = nullptr;
  BOOST_REQUIRE(t.run().ok());
  const auto done = t.run({8});
  BOOST_REQUIRE(!done.ok());
  BOOST_CHECK(done.error().code == errc::corrupt);
}

BOOST_AUTO_TEST_CASE(a_full_disk_keeps_nothing) {
  transfer t;
  t.spoil = [&](std::size_t i, std::string b) -> result<std::string> {
    if (i == 3) {  // what cannot be written: in its place is a directory
      const auto path = storage::incoming_directory(t.data) + "/000009.sst";
      fs::remove(path);
      fs::create_directory(path);
    }
    return b;
  };
  const auto done = t.run();
  BOOST_REQUIRE(!done.ok());
  BOOST_CHECK(done.error().code == errc::refused);
  BOOST_TEST(!fs::exists(storage::incoming_directory(t.data)));
  BOOST_TEST(!fs::exists(storage::incoming_manifest(t.data)));
}

BOOST_AUTO_TEST_CASE(a_member_that_stops_asks_no_more) {
  transfer t;
  std::stop_source stop;
  t.spoil = [&](std::size_t i, std::string b) -> result<std::string> {
    if (i == 2) stop.request_stop();
    return b;
  };
  BOOST_TEST(!t.run({7}, stop.get_token()).ok());
  BOOST_TEST(t.asked.size() == 3U);
}

BOOST_AUTO_TEST_CASE(hostile_manifests_are_refused) {
  const std::string digest(32, 'd');
  const auto one = [&](const std::string& name) {
    return codec::snapshot_manifest{{7}, 1024, {{name, 16, digest}}};
  };
  std::map<std::string, codec::snapshot_manifest> hostile = {
      {"parent", one("../x")},
      {"absolute", one("/etc/x")},
      {"dot", one(".x")},
      {"empty", one("")},
      {"long", one(std::string(256, 'x'))},
      {"zero", one(std::string("a\0b", 3))},
      {"no chunk", {{7}, 0, {{"x", 0, ""}}}},
      {"large chunk", {{7}, 5u << 20, {{"x", 16, digest}}}},
      {"few digests", {{7}, 1024, {{"x", 1025, digest}}}},
      {"many digests", {{7}, 1024, {{"x", 1024, digest + digest}}}},
      {"part of a digest", {{7}, 1024, {{"x", 1024, digest + "d"}}}},
      {"endless", {{7}, 1, {{"x", ~std::uint64_t{0}, digest}}}},
      {"twice", {{7}, 1024, {{"x", 16, digest}, {"x", 16, digest}}}}};
  for (const auto& [what, m] : hostile)
    BOOST_TEST(!snapshot_manifest::read(std::string(codec::encode(m).bytes())).ok(), what);
  BOOST_TEST(!snapshot_manifest::read("nonsense").ok());
  BOOST_TEST(!snapshot_manifest::read("").ok());
  BOOST_TEST(snapshot_manifest::read(std::string(codec::encode(one("x")).bytes())).ok());
}

BOOST_AUTO_TEST_CASE(a_start_keeps_what_was_received_and_nothing_else) {
  transfer t;
  BOOST_REQUIRE(t.run().ok());
  fs::create_directories(storage::outgoing_directory(t.data, 0));
  BOOST_REQUIRE(storage::prepare_state(t.data).ok());
  BOOST_TEST(!fs::exists(storage::outgoing_directory(t.data, 0)));
  BOOST_REQUIRE(t.run().ok());
  BOOST_TEST(t.asked.empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sending)

namespace {

/// A state store with one outgoing place; the clock is ours.
struct sender {
  folder at;
  std::unique_ptr<storage::state_store> store = opened();
  storage::outgoing_snapshots snapshots{at.path.string()};
  storage::outgoing_snapshots::clock::time_point now{};
  std::uint64_t index = 0;

  std::unique_ptr<storage::state_store> opened() const {
    BOOST_REQUIRE(storage::prepare_state(at.path.string()).ok());
    auto made = storage::state_store::open(storage::state_directory(at.path.string()), nullptr);
    BOOST_REQUIRE(made.ok());
    return *std::move(made);
  }
  void write() {
    raft::snapshot_meta m;
    m.index = {++index};
    BOOST_REQUIRE(store->write({}, m).ok());
  }
  /// Id of a snapshot that holds all that was written; none: refused.
  std::string offer(std::uint64_t at_least) {
    auto bytes = snapshots.offer(*store, {at_least}, now);
    if (!bytes) return {};
    auto m = snapshot_manifest::read(*std::move(bytes));
    BOOST_REQUIRE(m.ok());
    return m->id();
  }
  bool has(const std::string& id) { return snapshots.chunk(id, 0, now).ok(); }
  [[nodiscard]] std::size_t directories() const {
    std::size_t count = 0;
    for (const auto& e : fs::directory_iterator(storage::state_root(at.path.string())))
      count += e.path().filename().string().starts_with("outgoing");
    return count;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_kept_is_given_again) {
  sender s;
  s.write();
  const auto first = s.offer(1);
  BOOST_TEST(first != "");
  BOOST_TEST(s.offer(1) == first);
  BOOST_TEST(s.directories() == 1U);
  s.write();
  const auto second = s.offer(2);  // the first does not hold it
  BOOST_TEST(second != first);
  BOOST_TEST(s.offer(3) == "");
  BOOST_TEST(s.has(first));
  BOOST_TEST(s.has(second));
  BOOST_TEST(!s.has("no such"));
  BOOST_TEST(!s.snapshots.chunk(first, 100'000, s.now).ok());
  BOOST_CHECK(s.snapshots.oldest_in_use(s.now) == log_index{1});
}

BOOST_AUTO_TEST_CASE(they_are_few_and_are_dropped_in_time) {
  sender s;
  std::vector<std::string> ids;
  for (std::uint64_t i = 1; i <= limits::snapshots_kept_max; ++i) {
    s.write();
    ids.push_back(s.offer(i));
    s.now += 1s;
  }
  s.write();
  BOOST_TEST(s.offer(s.index) == "");  // all are being sent
  s.now += limits::snapshot_in_use_time - 1s;
  BOOST_TEST(s.has(ids[0]));
  BOOST_CHECK(s.snapshots.oldest_in_use(s.now) == log_index{1});
  const auto next = s.offer(s.index);  // takes the place of the one that was not asked for longest
  BOOST_TEST(next != "");
  BOOST_TEST(!s.has(ids[1]));
  BOOST_TEST(s.has(ids[0]));
  BOOST_TEST(s.directories() == limits::snapshots_kept_max);
  s.now += limits::snapshot_kept_time - 1s;
  BOOST_TEST(s.has(next));
  s.now += 1s;
  s.snapshots.drop_unused(s.now);
  BOOST_TEST(!s.has(ids[0]));
  BOOST_TEST(s.has(next));
  BOOST_TEST(s.directories() == 1U);
  s.now += limits::snapshot_kept_time;
  s.snapshots.drop_unused(s.now);
  BOOST_TEST(s.directories() == 0U);
  BOOST_CHECK(!s.snapshots.oldest_in_use(s.now));
}

BOOST_AUTO_TEST_CASE(what_was_sent_opens_as_the_state) {
  sender s;
  for (int i = 0; i < 50; ++i) s.write();
  const auto data = s.at / "other";
  snapshots::source from;
  from.manifest = [&](log_index at_least) { return s.snapshots.offer(*s.store, at_least, s.now); };
  from.chunk = [&](const std::string& id, std::size_t n) {
    return s.snapshots.chunk(id, n, s.now);
  };
  BOOST_REQUIRE(snapshots::fetch(from, data, {50}, {}, [](const auto&) {}).ok());
  BOOST_REQUIRE(storage::install_snapshot(data).ok());
  auto store = storage::state_store::open(storage::state_directory(data), nullptr);
  BOOST_REQUIRE(store.ok());
  BOOST_CHECK((*store)->meta().index == log_index{50});
}

BOOST_AUTO_TEST_SUITE_END()
