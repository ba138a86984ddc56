#include "storage/rows/map_view.hpp"
#include "storage/rows/state_store.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>
#include <unistd.h>

using namespace muster;
namespace fs = std::filesystem;

namespace {

struct opened {
  fs::path path = fs::temp_directory_path() / ("state_view_test." + std::to_string(::getpid()));
  std::unique_ptr<storage::state_store> store;
  opened() {
    fs::remove_all(path);
    store = *storage::state_store::open(path, nullptr);
  }
  ~opened() {
    store.reset();
    fs::remove_all(path);
  }
};

raft::snapshot_meta at(std::uint64_t index) {
  raft::snapshot_meta meta;
  meta.index = {index};
  return meta;
}

row_key key_at(std::uint64_t id) { return {table::profile, {1}, {id}}; }
std::string name_at(std::uint64_t id) { return "p" + std::to_string(id); }

/// @param bytes of configuration: rows above 8 KiB are never kept in memory.
row_ptr row_at(std::uint64_t id, std::uint64_t written, std::size_t bytes) {
  profile p;
  p.head.id = {id};
  p.head.project = {1};
  p.head.modified = {written};
  p.name = name_at(id);
  p.config["user.value"] = std::to_string(written) + std::string(bytes, 'x');
  return std::make_shared<const object>(std::move(p));
}

bool is_same(const row_ptr& a, const row_ptr& b) { return a && b ? *a == *b : a == b; }

/// Writes, renames nothing, erases some.
row_changes some_changes(std::mt19937& chance, std::uint64_t index) {
  row_changes changes;
  for (std::size_t i = chance() % 4; i-- > 0;) {
    const auto id = chance() % 6;
    const bool is_gone = chance() % 4 == 0;
    const name_key name{table::profile, {1}, name_at(id)};
    if (is_gone) {
      changes.rows[key_at(id)] = nullptr;
      changes.names[name] = std::nullopt;
    } else {
      changes.rows[key_at(id)] = row_at(id, index, chance() % 5 == 0 ? 9000 : 10);
      changes.names[name] = object_id{id};
    }
  }
  return changes;
}

std::uint64_t written_in(const state_view& view, std::uint64_t id) {
  const auto row = view.get(key_at(id));
  return row ? head_of(*row).modified.value : 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_view_stays_at_its_own_moment) {
  struct moment {
    std::unique_ptr<state_view> seen;
    storage::map_view expected;
  };
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 chance(seed);
    const opened o;
    storage::map_view model;
    std::vector<moment> moments;
    for (std::uint64_t index = 1; index <= 200; ++index) {
      const auto changes = some_changes(chance, index);
      BOOST_REQUIRE(o.store->write(changes, at(index)).ok());
      model.write(changes, {index});
      if (chance() % 3 == 0) moments.push_back({o.store->view(), model});
      if (moments.size() > 8) moments.erase(moments.begin());
      if (moments.empty()) continue;
      const auto& m = moments[chance() % moments.size()];
      for (std::uint64_t id = 0; id < 6; ++id) {
        BOOST_REQUIRE(is_same(m.seen->get(key_at(id)), m.expected.get(key_at(id))));
        BOOST_REQUIRE(m.seen->find(table::profile, {1}, name_at(id)) ==
                      m.expected.find(table::profile, {1}, name_at(id)));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(rows_of_one_write_are_seen_together) {
  const opened o;
  std::atomic<bool> ended = false;
  std::atomic<std::uint64_t> torn = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!ended) {
        const auto view = o.store->view();
        const auto first = written_in(*view, 1);
        if (first != written_in(*view, 2) || first != written_in(*view, 1) || first < last) ++torn;
        last = first;
      }
    });
  for (std::uint64_t index = 1; index <= 20'000; ++index) {
    row_changes both;
    for (std::uint64_t id = 1; id <= 2; ++id) both.rows[key_at(id)] = row_at(id, index, 10);
    BOOST_REQUIRE(o.store->write(both, at(index)).ok());
  }
  ended = true;
  for (auto& r : readers) r.join();
  BOOST_TEST(torn == 0U);
}
