#include "actors/instances/instances_core.hpp"
#include "actors/link/session_core.hpp"
#include "actors/raft/core/quorum.hpp"
#include "actors/scheduler/scheduler_core.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;

BOOST_AUTO_TEST_SUITE(scheduler)

BOOST_AUTO_TEST_CASE(fewest_instances_first_and_reasons_for_the_rest) {
  const std::vector<muster::scheduler::candidate> all{
      {{1}, "n1", "x86_64", 2, true, false},  {{2}, "n2", "x86_64", 1, true, false},
      {{3}, "n3", "x86_64", 0, false, false}, {{4}, "n4", "aarch64", 0, true, false},
      {{5}, "n5", "x86_64", 0, true, true},   {{6}, "n6", "x86_64", 1, true, false}};
  const auto p = muster::scheduler::place(all, {"x86_64"});
  BOOST_CHECK(p.chosen == member_id{2});
  BOOST_TEST(p.verdicts.size() == 6U);
  BOOST_TEST(p.verdicts[2].rejected_by == "offline");
  BOOST_TEST(p.verdicts[3].rejected_by == "architecture");
  BOOST_TEST(p.verdicts[4].rejected_by == "evacuated");
  BOOST_CHECK(!muster::scheduler::place({}, {}).chosen);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(instances)

namespace {

using namespace muster::instances;

instance row(power wanted, instance_status status, std::uint64_t owner = 1,
             std::uint64_t generation = 1) {
  instance i;
  i.head.id = {5};
  i.owner = {owner};
  i.generation = generation;
  i.wanted = wanted;
  i.status = status;
  return i;
}

std::vector<step> steps(const instance& r, std::optional<found> seen, bool is_first,
                        bool busy = false) {
  situation s;
  s.self = {1};
  s.rows = {r};
  if (seen) s.seen[{5}] = *seen;
  s.is_first = is_first;
  if (busy) s.is_busy[{5}] = true;
  std::vector<step> all;
  for (const auto& t : plan(s)) all.push_back(t.what);
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(table_of_plans) {
  const auto running = row(power::running, instance_status::running);
  const auto stopped = row(power::stopped, instance_status::stopped);
  const found up{1, true, false};
  const found old{1, true, false};
  using all = std::vector<step>;
  BOOST_CHECK(steps(running, up, true) == all{});                       // re-adopted
  BOOST_CHECK(steps(running, std::nullopt, true) == all{step::start});  // the host was restarted
  BOOST_CHECK(steps(running, std::nullopt, false) == all{step::report_ended});
  BOOST_CHECK(steps(stopped, up, true) == all{step::stop});
  BOOST_CHECK(steps(stopped, up, false) == all{});  // its order is on the way
  BOOST_CHECK(steps(stopped, std::nullopt, true) == all{});
  BOOST_CHECK(steps(row(power::running, instance_status::stopped), up, false) ==
              all{step::report_running});
  BOOST_CHECK(steps(row(power::frozen, instance_status::frozen), up, true) == all{step::freeze});
  BOOST_CHECK(steps(row(power::stopped, instance_status::creating), std::nullopt, false) ==
              all{step::create});
  BOOST_CHECK(steps(row(power::running, instance_status::running, 2, 2), old, true) ==
              all{step::abandon});
  BOOST_CHECK(steps(row(power::running, instance_status::running, 2, 2), found{1, false, false},
                    true) == all{});
  BOOST_CHECK(steps(running, up, true, true) == all{});
  situation gone;
  gone.self = {1};
  gone.seen[{9}] = up;
  BOOST_REQUIRE(plan(gone).size() == 1U);
  BOOST_CHECK(plan(gone)[0].what == step::remove);
}

BOOST_AUTO_TEST_CASE(a_container_of_an_older_generation_of_ours_is_stopped) {
  const auto again_ours = row(power::running, instance_status::running, 1, 3);
  const auto all = steps(again_ours, found{1, true, false}, true);
  BOOST_REQUIRE(!all.empty());
  BOOST_CHECK(all[0] == step::abandon);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(quorum)

BOOST_AUTO_TEST_CASE(both_sets_of_a_joint_configuration_must_agree) {
  raft::configuration c;
  c.voters = {{1}, {2}, {3}};
  c.outgoing = {{3}, {4}, {5}};
  const std::map<member_id, std::uint64_t> reached{
      {{1}, 9}, {{2}, 9}, {{3}, 4}, {{4}, 5}, {{5}, 2}};
  BOOST_TEST(raft::reached_by_quorum(c, [&](member_id id) { return reached.at(id); }) == 4U);
  BOOST_CHECK(raft::count_votes(c, {{{1}, true}, {{2}, true}}) == raft::tally::open);
  BOOST_CHECK(raft::count_votes(c, {{{1}, true}, {{2}, true}, {{4}, true}, {{5}, true}}) ==
              raft::tally::won);
  BOOST_CHECK(raft::count_votes(c, {{{4}, false}, {{5}, false}}) == raft::tally::lost);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sessions)

BOOST_AUTO_TEST_CASE(messages_come_in_order_once_and_of_this_session) {
  link::session_window w(7);
  codec::link_message m;
  m.session = 7;
  m.sequence = 1;
  BOOST_TEST(w.take(m, 10));
  BOOST_TEST(!w.take(m, 10));
  m.sequence = 3;
  BOOST_TEST(!w.take(m, 10));
  m.session = 6;
  m.sequence = 2;
  BOOST_TEST(!w.take(m, 10));
}

BOOST_AUTO_TEST_CASE(the_window_is_bounded_in_bytes) {
  link::session_window w(1);
  std::size_t sent = 0;
  while (w.admit(1u << 20)) BOOST_REQUIRE(++sent < 1000U);
  BOOST_TEST(sent >= 1U);
  codec::link_message back;
  back.session = 1;
  back.sequence = 1;
  back.acknowledged = sent;
  BOOST_TEST(w.take(back, 8));
  BOOST_TEST(w.admit(1u << 20));
}

BOOST_AUTO_TEST_CASE(hellos_that_do_not_fit_are_refused) {
  codec::hello own;
  own.cluster_uuid = "u";
  own.member = {1};
  own.started = {4};
  auto theirs = own;
  theirs.member = {2};
  BOOST_CHECK(link::check_hello(own, theirs, {2}, {}).ok());
  BOOST_CHECK(!link::check_hello(own, theirs, {3}, {}).ok());   // certificate of another member
  BOOST_CHECK(!link::check_hello(own, theirs, {2}, {9}).ok());  // an older incarnation
  theirs.cluster_uuid = "v";
  BOOST_CHECK(!link::check_hello(own, theirs, {2}, {}).ok());
  theirs = own;
  theirs.member = {2};
  theirs.epoch_random = 5;
  BOOST_CHECK(!link::check_hello(own, theirs, {2}, {}).ok());
  theirs = own;
  theirs.member = {2};
  theirs.protocol_lowest = 9;
  theirs.protocol_highest = 9;
  BOOST_CHECK(!link::check_hello(own, theirs, {2}, {}).ok());
}

BOOST_AUTO_TEST_SUITE_END()
