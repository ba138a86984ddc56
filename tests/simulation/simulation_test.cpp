#include "tests/simulation/simulation.hpp"

#include "tests/simulation/liveness.hpp"

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

BOOST_AUTO_TEST_SUITE(members_that_lie_about_their_disks)

BOOST_AUTO_TEST_CASE(are_found_by_the_rules) {
  BOOST_TEST(run(1, {false, nullptr, true}).finding != "");
}

BOOST_AUTO_TEST_CASE(are_found_by_what_clients_see) {
  std::string finding;
  for (std::uint64_t seed = 1; seed <= 300 && finding.empty(); ++seed)
    finding = run(seed, {true, nullptr, true}).finding;
  BOOST_TEST(finding != "");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(cores)

BOOST_AUTO_TEST_CASE(hold_a_majority_of_every_voter_set) {
  muster::raft::configuration joint;
  joint.voters = {{1}, {4}, {5}};
  joint.outgoing = {{1}, {2}, {3}};
  BOOST_TEST(is_core({{1}, {2}, {4}}, {joint}));
  BOOST_TEST(!is_core({{2}, {3}, {4}}, {joint}));
  BOOST_TEST(!is_core({{1}, {2}, {3}}, {joint}));
  muster::raft::configuration one;
  one.voters = {{6}};
  BOOST_TEST(!is_core({{1}, {2}, {4}}, {joint, one}));
  BOOST_TEST(is_core({{1}, {2}, {4}, {6}}, {joint, one}));
}

BOOST_AUTO_TEST_CASE(that_do_not_move_are_explained) {
  chance random(1);
  marks met;
  schedule time;
  invariants rules;
  network net(true, random, met);
  cluster members({}, time, net, random, met, rules);
  members.hear.went_down = [](node&) {};
  members.boot(members.nodes()[0]);
  const auto why = explain(members, {{1}, {2}});
  BOOST_TEST(why.find("there is no leader; core 1 2") == 0U);
  BOOST_TEST(why.find("member 1 follower term 1") != std::string::npos);
  BOOST_TEST(why.find("member 2 is down") != std::string::npos);
  BOOST_TEST(!has_converged(members));
}

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
