#include "actors/keeper/keeper_core.hpp"
#include "actors/keeper/maker.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <unistd.h>

using namespace muster;
using namespace muster::keeper;

namespace {

object pool(std::uint64_t id, std::uint64_t version, std::uint64_t reported = 0,
            part_state state = part_state::created) {
  storage_pool p;
  p.head.id = {id};
  p.name = "p" + std::to_string(id);
  p.across.version = version;
  p.across.parts[{1}] = {{}, state, {}, reported};
  return p;
}

situation of(std::vector<object> wanted) {
  situation now;
  now.self = {1};
  now.wanted = std::move(wanted);
  return now;
}

row_key key(std::uint64_t id) { return {table::storage_pool, {}, {id}}; }

leftover left(std::uint64_t id, std::uint64_t of, std::uint64_t on) {
  leftover l;
  l.head.id = {id};
  l.of = key(of);
  l.on = {on};
  return l;
}

using tasks = std::vector<task>;

}  // namespace

BOOST_AUTO_TEST_SUITE(keeper_plans)

BOOST_AUTO_TEST_CASE(what_is_wanted_and_not_here_is_made) {
  BOOST_CHECK(plan(of({pool(5, 1)})) == (tasks{{step::make, key(5)}}));
  auto pending = pool(5, 0);
  spread_of(pending)->is_pending = true;
  BOOST_CHECK(plan(of({pending, pool(6, 0)})).empty());
}

BOOST_AUTO_TEST_CASE(a_change_is_made_and_what_was_not_heard_is_said_again) {
  auto now = of({pool(5, 2, 1)});
  now.made[key(5)] = 1;
  BOOST_CHECK(plan(now) == (tasks{{step::make, key(5)}}));
  now.made[key(5)] = 2;
  BOOST_CHECK(plan(now) == (tasks{{step::report, key(5)}}));
  now.wanted = {pool(5, 2, 2)};
  BOOST_CHECK(plan(now).empty());
}

BOOST_AUTO_TEST_CASE(after_a_start_everything_is_made_sure_of) {
  auto now = of({pool(5, 1, 1)});
  now.made[key(5)] = 1;
  now.is_first = true;
  BOOST_CHECK(plan(now) == (tasks{{step::make, key(5)}}));
}

BOOST_AUTO_TEST_CASE(what_failed_waits_for_another_try_or_a_change) {
  auto now = of({pool(5, 1, 1, part_state::errored)});
  now.failed[key(5)] = 1;
  BOOST_CHECK(plan(now).empty());
  now.wanted = {pool(5, 2, 1, part_state::errored)};
  BOOST_CHECK(plan(now) == (tasks{{step::make, key(5)}}));
  now.failed.clear();
  now.wanted = {pool(5, 1, 1, part_state::errored)};
  now.made[key(5)] = 1;
  BOOST_CHECK(plan(now) == (tasks{{step::make, key(5)}}));
}

BOOST_AUTO_TEST_CASE(what_could_not_be_made_is_removed_at_once_and_a_failed_removal_waits) {
  auto now = of({});
  now.made[key(5)] = 0;
  now.left = {left(9, 5, 1)};
  now.failed[key(5)] = 1;
  BOOST_CHECK(plan(now) == (tasks{{step::remove, key(5)}}));
  now.failed[key(5)] = 0;
  BOOST_CHECK(plan(now).empty());
}

BOOST_AUTO_TEST_CASE(removals_come_first_and_leftovers_that_are_not_here_are_told) {
  auto now = of({pool(6, 1)});
  now.made[key(5)] = 1;
  now.left = {left(9, 5, 1), left(10, 4, 1), left(11, 4, 2)};
  BOOST_CHECK(plan(now) == (tasks{{step::remove, key(5)},
                                  {step::report_gone, {table::leftover, {}, {10}}},
                                  {step::make, key(6)}}));
}

BOOST_AUTO_TEST_CASE(a_row_that_is_only_missing_takes_nothing_along) {
  auto now = of({});
  now.made[key(5)] = 1;
  BOOST_CHECK(plan(now).empty());
  now.left = {left(9, 5, 2)};  // of another member
  BOOST_CHECK(plan(now).empty());
  now.long_absent = {key(5)};
  BOOST_CHECK(plan(now) == (tasks{{step::remove, key(5)}}));
}

BOOST_AUTO_TEST_CASE(what_was_made_for_another_cluster_goes) {
  auto now = of({pool(5, 1)});
  now.made[key(5)] = 1;
  now.strange = {key(5)};
  BOOST_CHECK(plan(now) == (tasks{{step::remove, key(5)}, {step::make, key(5)}}));
}

BOOST_AUTO_TEST_CASE(a_pool_moves_with_the_data_directory) {
  namespace fs = std::filesystem;
  const auto top = fs::temp_directory_path() / ("keeper_test." + std::to_string(::getpid()));
  const auto was = (top / "was").string();
  const auto is = (top / "is").string();
  fs::create_directories(top);
  auto made = make_dir_pool({was, "p", {}, std::nullopt, false});
  BOOST_REQUIRE(made.ok());
  const string_map noted = *made;
  BOOST_TEST(noted.at("source") == was + "/storage-pools/p");
  fs::rename(was, is);
  made = make_dir_pool({is, "p", noted, noted, true});
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(made->at("source") == is + "/storage-pools/p");
  fs::remove_all(is);  // it is gone, and stays so
  BOOST_TEST(!make_dir_pool({is, "p", noted, noted, true}).ok());
  fs::create_directories(is + "/storage-pools/p");  // asked for by name: another's
  BOOST_TEST(!make_dir_pool({is, "p", noted, std::nullopt, false}).ok());
  fs::remove_all(top);
}

BOOST_AUTO_TEST_SUITE_END()
