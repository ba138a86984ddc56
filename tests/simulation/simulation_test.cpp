#include "tests/simulation/simulation.hpp"

#include <boost/test/unit_test.hpp>

#include <sstream>

using namespace muster::simulation;

BOOST_AUTO_TEST_SUITE(one_seed)

BOOST_AUTO_TEST_CASE(gives_the_same_run_each_time) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto a = run(seed);
    const auto b = run(seed);
    BOOST_TEST(a.finding == "");
    BOOST_TEST(a.trace == b.trace);
    BOOST_TEST(a.steps == b.steps);
    BOOST_TEST(a.steps > 20U);
  }
}

BOOST_AUTO_TEST_CASE(runs_the_same_when_it_is_traced) {
  std::ostringstream told;
  BOOST_TEST(run(3, {false, &told}).trace == run(3).trace);
  BOOST_TEST(told.str().find("leader") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(differs_from_another_one) { BOOST_TEST(run(1).trace != run(2).trace); }

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(coverage)

BOOST_AUTO_TEST_CASE(a_mark_that_was_not_hit_is_missed) {
  marks met;
  BOOST_TEST(met.missing().size() == mark_count);
  for (std::size_t m = 0; m < mark_count; ++m) met.hit(static_cast<mark>(m));
  BOOST_TEST(met.missing().empty());
  for (std::size_t m = 0; m < mark_count; ++m)
    BOOST_TEST(std::string(name_of(static_cast<mark>(m))) != "");
}

BOOST_AUTO_TEST_SUITE_END()
