#include "actors/raft/core/raft_core.hpp"

#include "actors/raft/append_pace.hpp"
#include "actors/raft/core/start.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;
using namespace muster::raft;

namespace {

configuration three_voters() {
  configuration c;
  c.voters = {{1}, {2}, {3}};
  return c;
}

snapshot_meta meta(std::uint64_t index, std::uint64_t term) {
  snapshot_meta m;
  m.index = {index};
  m.term = {term};
  m.members = three_voters();
  return m;
}

entry at(std::uint64_t index, std::uint64_t term) {
  entry e;
  e.index = {index};
  e.term = {term};
  e.kind = entry_kind::noop;
  return e;
}

/// Member 2 with entries 1..`last` of term 1, nothing committed.
core follower(std::uint64_t last) {
  start_state start;
  start.hard.term = {1};
  start.snapshot = meta(0, 0);
  for (std::uint64_t i = 1; i <= last; ++i) start.entries.push_back(at(i, 1));
  settings with;
  with.self = {2};
  return {with, std::move(start)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(installed_snapshots)

BOOST_AUTO_TEST_CASE(what_was_acknowledged_behind_a_snapshot_stays) {
  auto c = follower(8);
  const auto out = c.step(snapshot_installed{meta(5, 1)});
  BOOST_TEST(c.entries().last().value == 8U);
  BOOST_TEST(c.status().commit.value == 5U);
  BOOST_TEST(!out.begins_behind);
  BOOST_TEST(out.committed.empty());  // the state holds them
}

BOOST_AUTO_TEST_CASE(a_log_that_differs_gives_way) {
  auto c = follower(8);
  const auto out = c.step(snapshot_installed{meta(5, 2)});
  BOOST_TEST(c.entries().last().value == 5U);
  BOOST_REQUIRE(out.begins_behind);
  BOOST_TEST(out.begins_behind->index.value == 5U);
}

BOOST_AUTO_TEST_CASE(an_old_snapshot_changes_nothing) {
  auto c = follower(8);
  (void)c.step(snapshot_installed{meta(6, 1)});
  const auto out = c.step(snapshot_installed{meta(5, 1)});
  BOOST_TEST(c.status().commit.value == 6U);
  BOOST_TEST(!out.begins_behind);
}

BOOST_AUTO_TEST_CASE(a_start_finds_log_and_state_as_a_stop_at_any_point_left_them) {
  const std::vector<entry> log{at(4, 1), at(5, 2), at(6, 2)};
  struct row {
    snapshot_meta state;
    bool begins_anew;
    std::size_t kept;
  };
  for (const auto& [state, begins_anew, kept] :
       {row{meta(3, 1), false, 3}, row{meta(5, 2), false, 3}, row{meta(6, 2), false, 3},
        row{meta(5, 3), true, 0}, row{meta(9, 3), true, 0}}) {
    auto plan = plan_start({}, meta(3, 1), log, state);
    BOOST_REQUIRE(plan.ok());
    BOOST_TEST(plan->log_begins_anew == begins_anew);
    BOOST_TEST(plan->start.entries.size() == kept);
    BOOST_TEST(plan->start.applied.value == state.index.value);
  }
  BOOST_CHECK(plan_start({}, meta(3, 1), log, meta(2, 1)).error().code == errc::corrupt);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sole_voters)

BOOST_AUTO_TEST_CASE(nobody_hears_of_a_term_before_it_is_on_disk) {
  start_state start;
  start.hard.term = {1};
  start.snapshot = meta(0, 0);
  start.snapshot.members.voters = {{1}};
  start.snapshot.members.standbys = {{2}};
  settings with;
  with.self = {1};
  core c(with, std::move(start));
  const auto won = c.step(tick{1});
  BOOST_CHECK(c.status().now == role::leader);
  BOOST_TEST(won.messages.empty());
  BOOST_TEST(!won.messages_after_durable.empty());
  (void)c.step(durable{{1}, {2}});
  BOOST_TEST(!c.step(tick{2}).messages.empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(left_out_voters)

namespace {

/// Member 2 of voters 1, 2, 3; entry 2 leaves only voter 1.
core left_out(log_index applied) {
  start_state start;
  start.hard.term = {1};
  start.snapshot = meta(0, 0);
  auto last = at(2, 1);
  last.kind = entry_kind::configuration;
  configuration only;
  only.voters = {{1}};
  last.members = std::make_shared<const configuration>(only);
  start.entries = {at(1, 1), last};
  start.applied = applied;
  settings with;
  with.self = {2};
  return {with, std::move(start)};
}

bool campaigns(core& c) {
  for (std::uint64_t i = 0; i < 20; ++i)
    if (!c.step(tick{i}).messages.empty()) return true;
  return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(campaign_until_that_is_committed) {
  auto c = left_out({1});
  BOOST_TEST(campaigns(c));
  BOOST_TEST(c.hard().term.value == 1U);  // it asks first: its own vote does not count
  message yes{{1}, {2}, {2}, vote_response{true, true}};
  (void)c.step(received{yes});
  yes.body = vote_response{false, true};
  (void)c.step(received{yes});
  BOOST_CHECK(c.role_now() == role::leader);
  append_response all;
  all.match = {3};
  (void)c.step(received{{{1}, {2}, {2}, all}});
  BOOST_TEST(c.commit_index().value == 3U);
  BOOST_CHECK(c.role_now() == role::follower);
}

/// Voters 1 and 2; 2 has an uncommitted joint entry that counts learner 3, whose log is longer.
BOOST_AUTO_TEST_CASE(learners_with_a_longer_log_campaign_when_nobody_else_can) {
  start_state start;
  start.hard.term = {1};
  start.snapshot = meta(0, 0);
  start.snapshot.members.voters = {{1}, {2}};
  start.snapshot.members.standbys = {{3}};
  start.entries = {at(1, 1)};
  settings with;
  with.self = {3};
  core c(with, start);
  BOOST_TEST(!campaigns(c));
  std::uint64_t silence = 0;
  while (c.role_now() == role::follower && ++silence < 100) (void)c.step(tick{silence});
  BOOST_CHECK(c.role_now() == role::pre_candidate);
  start.applied = {1};  // all of its log is committed: nobody needs it
  core idle(with, std::move(start));
  for (std::uint64_t i = 0; i < 100; ++i) BOOST_TEST(idle.step(tick{i}).messages.empty());
}

BOOST_AUTO_TEST_CASE(rest_once_it_is) {
  auto c = left_out({2});
  BOOST_TEST(!campaigns(c));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(appends_follow_each_other_where_the_way_is_long) {
  using namespace std::chrono_literals;
  append_pace pace;
  append_pace::clock::time_point now;
  std::uint64_t last = 0;
  const auto commits = [&](int count, std::chrono::microseconds each, int slow_one_in = 1) {
    for (int i = 0; i < count; ++i) {
      pace.sent({++last}, now);
      now += i % slow_one_in == 0 ? each : 1ms;
      pace.committed({last - 1}, now);  // an older group does not end the way of this one
      pace.committed({last}, now);
    }
  };
  BOOST_TEST(pace.appends() == 2U);
  commits(31, 10ms);
  BOOST_TEST(pace.appends() == 2U);
  commits(1, 10ms);
  BOOST_TEST(pace.appends() == 4U);
  commits(32, 40ms, 2);  // a loaded machine is not a long way
  BOOST_TEST(pace.appends() == 2U);
  pace.sent({++last}, now);
  pace.forget();
  commits(32, 1ms);
  BOOST_TEST(pace.appends() == 2U);
}
