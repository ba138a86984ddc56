#include "tests/simulation/simulator.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;
using namespace muster::simulation;

BOOST_AUTO_TEST_SUITE(simulation)

BOOST_AUTO_TEST_CASE(fifty_seeds_with_faults_hold_every_invariant) {
  std::size_t acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    settings with;
    with.seed = seed;
    with.members = 3 + seed % 3;
    simulator s(with);
    BOOST_REQUIRE_MESSAGE(s.run().empty(), "seed " << seed << ": " << s.seen().violation());
    acknowledged += s.seen().acknowledged_count();
  }
  BOOST_TEST(acknowledged > 5'000U);
}

BOOST_AUTO_TEST_CASE(without_faults_nearly_every_write_is_acknowledged) {
  settings with;
  with.with_faults = false;
  with.length_ms = 20'000;
  simulator s(with);
  BOOST_TEST(s.run() == "");
  BOOST_TEST(s.seen().acknowledged_count() > 300U);
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_run) {
  settings with;
  with.seed = 7;
  simulator a(with);
  simulator b(with);
  BOOST_TEST(a.run() == b.run());
  BOOST_TEST(a.steps() == b.steps());
}

BOOST_AUTO_TEST_CASE(a_member_that_lies_about_durability_is_found) {
  bool found = false;
  for (std::uint64_t seed = 1; seed <= 50 && !found; ++seed) {
    settings with;
    with.seed = seed;
    with.members = 3;
    with.lies_about_durability = true;
    found = !simulator(with).run().empty();
  }
  BOOST_TEST(found);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(the_checker)

BOOST_AUTO_TEST_CASE(sees_two_leaders_of_a_term) {
  checker c;
  c.saw_leader({1}, {5});
  c.saw_leader({1}, {5});
  BOOST_TEST(c.violation() == "");
  c.saw_leader({2}, {5});
  BOOST_TEST(c.violation() != "");
}

BOOST_AUTO_TEST_CASE(sees_two_entries_at_an_index) {
  checker c;
  raft::entry e;
  e.index = {3};
  e.term = {1};
  c.saw_commit({1}, e);
  e.term = {2};
  c.saw_commit({2}, e);
  BOOST_TEST(c.violation() != "");
}

BOOST_AUTO_TEST_CASE(sees_a_vote_taken_back_and_a_term_that_falls) {
  checker twice;
  twice.saw_durable({1}, {{3}, {1}});
  twice.saw_durable({1}, {{3}, {2}});
  BOOST_TEST(twice.violation() != "");
  checker fallen;
  fallen.saw_durable({1}, {{3}, {}});
  fallen.saw_durable({1}, {{2}, {}});
  BOOST_TEST(fallen.violation() != "");
}

BOOST_AUTO_TEST_CASE(sees_a_lost_write_and_a_stale_read) {
  checker lost;
  lost.saw_acknowledged("p1", {4});
  lost.finish({});
  BOOST_TEST(lost.violation() != "");
  checker stale;
  stale.saw_acknowledged("p1", {4});
  stale.saw_read(stale.acknowledged(), {3});
  BOOST_TEST(stale.violation() != "");
}

BOOST_AUTO_TEST_CASE(sees_states_that_differ) {
  checker c;
  storage::map_view a;
  row_changes changes;
  profile p;
  p.head.id = {1};
  changes.rows[{table::profile, {}, {1}}] = p;
  a.write(changes, {32});
  c.saw_state({1}, a);
  storage::map_view b;
  b.write({}, {32});
  c.saw_state({2}, b);
  BOOST_TEST(c.violation() != "");
}

BOOST_AUTO_TEST_SUITE_END()
