#include "actors/instances/instances_core.hpp"
#include "actors/link/session_core.hpp"
#include "actors/raft/core/quorum.hpp"
#include "actors/scheduler/reservations.hpp"
#include "actors/scheduler/scheduler_core.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;

BOOST_AUTO_TEST_SUITE(scheduler)

BOOST_AUTO_TEST_CASE(fewest_instances_first_and_reasons_for_the_rest) {
  const std::vector<muster::scheduler::candidate> all{
      {{1}, "n1", "x86_64", 2, true, false, "", {}},
      {{2}, "n2", "x86_64", 1, true, false, "", {}},
      {{3}, "n3", "x86_64", 0, false, false, "", {}},
      {{4}, "n4", "aarch64", 0, true, false, "", {}},
      {{5}, "n5", "x86_64", 0, true, true, "", {}},
      {{6}, "n6", "x86_64", 1, true, false, "", {}}};
  const auto p = muster::scheduler::place(all, {"x86_64", ""});
  BOOST_CHECK(p.chosen == member_id{2});
  BOOST_TEST(p.verdicts.size() == 6U);
  BOOST_TEST(p.verdicts[2].rejected_by == "offline");
  BOOST_TEST(p.verdicts[3].rejected_by == "architecture");
  BOOST_TEST(p.verdicts[4].rejected_by == "evacuated");
  BOOST_CHECK(!muster::scheduler::place({}, {}).chosen);
}

BOOST_AUTO_TEST_CASE(members_take_what_their_key_says) {
  const std::vector<muster::scheduler::candidate> all{
      {{1}, "n1", "", 0, true, false, "manual", {"default", "fast"}},
      {{2}, "n2", "", 1, true, false, "group", {"default", "fast"}},
      {{3}, "n3", "", 2, true, false, "", {"default"}},
      {{4}, "n4", "", 3, true, false, "all", {"fast"}}};
  const auto anywhere = muster::scheduler::place(all, {});
  BOOST_CHECK(anywhere.chosen == member_id{3});
  BOOST_TEST(anywhere.verdicts[0].rejected_by == "scheduler.instance=manual");
  BOOST_TEST(anywhere.verdicts[1].rejected_by == "scheduler.instance=group");
  const auto in_group = muster::scheduler::place(all, {"", "fast"});
  BOOST_CHECK(in_group.chosen == member_id{2});
  BOOST_TEST(in_group.verdicts[0].rejected_by == "scheduler.instance=manual");
  BOOST_TEST(in_group.verdicts[2].rejected_by == "not in the group");
  const auto bounded = muster::scheduler::place(all, {"", "", {"fast"}});
  BOOST_CHECK(bounded.chosen == member_id{4});
  BOOST_TEST(bounded.verdicts[2].rejected_by == "not in a group of the project");
}

BOOST_AUTO_TEST_CASE(choices_count_until_their_records_come) {
  using muster::scheduler::reservations;
  reservations all;
  const auto now = reservations::clock::now();
  all.add({1}, "a", {1}, now);
  all.add({1}, "b", {2}, now);
  all.add({2}, "a", {2}, now);
  BOOST_TEST(all.counts()[{1}] == 1U);
  BOOST_TEST(all.counts()[{2}] == 2U);
  all.settle({1}, "b");
  BOOST_TEST(all.counts()[{2}] == 1U);
  all.drop_old(now + 2 * reservations::kept_for);
  BOOST_TEST(all.counts().empty());
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

constexpr std::uint64_t now_ms = 100'000;

/// Looked at once; `known` is what is remembered of it.
std::vector<step> steps(const instance& r, std::optional<found> seen, memory known = {},
                        bool busy = false) {
  situation s;
  s.self = {1};
  s.cluster = "c";
  s.now_ms = now_ms;
  s.rows = {r};
  if (seen) s.seen[{5}] = *seen;
  s.known[{5}] = known;
  if (busy) s.is_busy[{5}] = true;
  std::vector<step> all;
  for (const auto& t : plan(s)) all.push_back(t.what);
  return all;
}

memory waits_until(std::uint64_t ms) {
  memory m;
  m.not_before_ms = ms;
  return m;
}

const memory was_up{true, 0, 0, 0};
const found up{"c", "", 1, true, false, false};
const found down{"c", "", 1, false, false, false};
const found ended{"c", "", 1, false, false, true};
using all = std::vector<step>;

}  // namespace

BOOST_AUTO_TEST_CASE(table_of_plans) {
  const auto running = row(power::running, instance_status::running);
  const auto stopped = row(power::stopped, instance_status::stopped);
  BOOST_CHECK(steps(running, up) == all{});  // re-adopted
  BOOST_CHECK(steps(stopped, up) == all{step::stop});
  BOOST_CHECK(steps(stopped, up, {}, true) == all{});  // its order is on the way
  BOOST_CHECK(steps(stopped, std::nullopt) == all{});
  BOOST_CHECK(steps(row(power::running, instance_status::stopped), up) ==
              all{step::report_running});
  BOOST_CHECK(steps(row(power::frozen, instance_status::frozen), up) == all{step::freeze});
  BOOST_CHECK(steps(row(power::stopped, instance_status::creating), std::nullopt) ==
              all{step::create});
  BOOST_CHECK(steps(row(power::stopped, instance_status::running), down) ==
              all{step::report_stopped});
  BOOST_CHECK(steps(running, up, {}, true) == all{});
}

BOOST_AUTO_TEST_CASE(only_what_was_seen_running_has_ended) {
  const auto running = row(power::running, instance_status::running);
  BOOST_CHECK(steps(running, down) == all{step::start});  // the host was restarted
  BOOST_CHECK(steps(running, std::nullopt) == all{step::start});
  BOOST_CHECK(steps(row(power::running, instance_status::stopped), down) == all{step::start});
  BOOST_CHECK(steps(running, down, was_up) == all{step::report_ended});
  BOOST_CHECK(steps(running, ended, was_up) == (all{step::tidy, step::report_ended}));
  BOOST_CHECK(steps(running, ended) == all{step::start});
  BOOST_CHECK(steps(row(power::stopped, instance_status::stopped), ended) == all{step::tidy});
  // What stands to be made anew waits for people.
  BOOST_CHECK(steps(row(power::running, instance_status::error), std::nullopt) == all{});
}

BOOST_AUTO_TEST_CASE(what_has_failed_is_tried_again_later_and_shown_as_it_is) {
  const auto running = row(power::running, instance_status::running);
  BOOST_CHECK(steps(running, down, waits_until(now_ms)) == all{step::start});
  BOOST_CHECK(steps(running, down, waits_until(now_ms + 1)) == all{step::report_stopped});
  BOOST_CHECK(steps(row(power::running, instance_status::stopped), down, waits_until(now_ms + 1)) ==
              all{});
  BOOST_CHECK(steps(row(power::stopped, instance_status::stopped), up, waits_until(now_ms + 1)) ==
              all{step::report_running});
  BOOST_CHECK(steps(row(power::stopped, instance_status::creating), std::nullopt,
                    waits_until(now_ms + 1)) == all{});
  BOOST_TEST(wait_after_ms(1) == 1'000U);
  BOOST_TEST(wait_after_ms(3) == 4'000U);
  BOOST_TEST(wait_after_ms(1'000) == 60'000U);
}

BOOST_AUTO_TEST_CASE(what_belongs_to_others_is_stopped_here_and_kept) {
  const auto elsewhere = row(power::running, instance_status::running, 2, 2);
  BOOST_CHECK(steps(elsewhere, up) == all{step::abandon});
  BOOST_CHECK(steps(elsewhere, down) == all{});
  const auto again_ours = row(power::running, instance_status::running, 1, 3);
  const auto planned = steps(again_ours, up);
  BOOST_REQUIRE(!planned.empty());
  BOOST_CHECK(planned[0] == step::abandon);
}

BOOST_AUTO_TEST_CASE(files_of_another_cluster_or_instance_are_nobodys_business) {
  auto strange = up;
  strange.cluster = "d";
  BOOST_CHECK(steps(row(power::running, instance_status::running, 2, 2), strange) == all{});
  BOOST_CHECK(steps(row(power::stopped, instance_status::stopped), strange) == all{});
  auto other = up;
  other.instance = "u";
  BOOST_CHECK(steps(row(power::running, instance_status::running, 2, 2), other) == all{});
  situation gone;
  gone.self = {1};
  gone.cluster = "c";
  gone.now_ms = now_ms;
  gone.seen[{9}] = strange;
  gone.known[{9}].absent_since_ms = 1;
  BOOST_TEST(plan(gone).empty());
}

BOOST_AUTO_TEST_CASE(a_missing_record_must_be_missing_for_a_minute) {
  situation gone;
  gone.self = {1};
  gone.cluster = "c";
  gone.seen[{9}] = up;
  const auto planned_at = [&](std::uint64_t ms) {
    gone.now_ms = ms;
    remember(gone.known, gone);
    return plan(gone);
  };
  BOOST_TEST(planned_at(1'000).empty());
  BOOST_TEST(planned_at(60'999).empty());
  BOOST_CHECK(planned_at(61'000) == (std::vector<task>{{step::remove, {9}}}));
  auto back = row(power::running, instance_status::running);
  back.head.id = {9};
  gone.rows = {back};
  BOOST_TEST(planned_at(62'000).empty());
  gone.rows.clear();
  BOOST_TEST(planned_at(63'000).empty());  // from the beginning
  BOOST_TEST(!planned_at(123'000).empty());
  gone.known[{9}].not_before_ms = 124'000;
  BOOST_TEST(planned_at(123'500).empty());
}

BOOST_AUTO_TEST_CASE(what_is_remembered_of_a_look) {
  situation s;
  s.self = {1};
  s.cluster = "c";
  s.now_ms = now_ms;
  s.rows = {row(power::running, instance_status::running)};
  s.seen[{5}] = up;
  std::map<object_id, memory> known;
  s.is_busy[{5}] = true;
  remember(known, s);
  BOOST_TEST(!known[{5}].was_running);  // of the order that is under way nothing is known
  s.is_busy.clear();
  remember(known, s);
  BOOST_TEST(known[{5}].was_running);
  s.seen[{5}].generation = 7;
  known.clear();
  remember(known, s);
  BOOST_TEST(!known[{5}].was_running);
  s.rows.clear();
  s.seen.clear();
  remember(known, s);
  BOOST_TEST(known.empty());
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
