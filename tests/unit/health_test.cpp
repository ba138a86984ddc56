#include "actors/health/health_core.hpp"

#include <boost/test/unit_test.hpp>

namespace health = muster::health;

BOOST_AUTO_TEST_SUITE(health_core)

BOOST_AUTO_TEST_CASE(only_changes_are_told) {
  struct {
    bool is_noted_offline, is_up;
    std::uint64_t silent_ms;
    bool is_whole;
    std::vector<health::verdict> told;
    std::uint64_t closed_ms = 0;
  } const table[] = {
      {false, true, 50'000, false, {}},   // its session says that it is there
      {false, false, 10'900, false, {}},  // another leader may have heard it since
      {false, false, 11'000, false, {{{7}, true, 1}}},
      {false, false, 10'100, false, {}, 9'999},
      {false, false, 10'100, false, {{{7}, true, 1}}, 10'000},  // seen to end: no beat is missing
      {true, false, 90'000, false, {}},
      {true, true, 0, false, {}},  // back, but not with everything
      {true, false, 0, true, {}},
      {true, true, 0, true, {{{7}, false, 1}}},
  };
  for (const auto& t : table)
    BOOST_CHECK(health::judge({{{7},
                                t.is_noted_offline,
                                t.is_up,
                                t.silent_ms,
                                0,
                                false,
                                1,
                                1,
                                t.is_whole,
                                t.closed_ms}},
                              10'000, 1'000) == t.told);
}

BOOST_AUTO_TEST_CASE(clocks_that_differ_are_told_once) {
  const auto judged = [](std::int64_t skew_ms, bool is_noted, bool is_up) {
    return health::judge_clocks({{{7}, false, is_up, 0, skew_ms, is_noted, 1, 1, true}}, 5'000);
  };
  BOOST_CHECK(judged(5'000, false, true).empty());
  BOOST_CHECK(
      (judged(-5'001, false, true) == std::vector<health::clock_verdict>{{{7}, true, -5'001}}));
  BOOST_CHECK(judged(60'000, true, true).empty());
  BOOST_CHECK(judged(60'000, false, false).empty());
  BOOST_CHECK((judged(10, true, true) == std::vector<health::clock_verdict>{{{7}, false, 10}}));
}

BOOST_AUTO_TEST_CASE(another_build_is_told_and_the_lowest_that_counts_decides) {
  BOOST_CHECK((health::judge({{{7}, false, true, 0, 0, false, 2, 1, true}}, 10'000, 1'000) ==
               std::vector<health::verdict>{{{7}, false, 2}}));
  BOOST_TEST(health::common_level({{true, 2}, {true, 3}, {false, 1}}) == 2U);
  BOOST_TEST(health::common_level({{true, 2}, {true, 0}}) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
