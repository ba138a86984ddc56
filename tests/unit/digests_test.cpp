#include "actors/raft/core/raft_core.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace muster;
using namespace muster::raft;

namespace {

configuration voters(std::vector<member_id> ids, std::vector<member_id> outgoing = {}) {
  configuration c;
  c.voters = std::move(ids);
  c.outgoing = std::move(outgoing);
  return c;
}

/// The right digest after entry `i`, and the one of a chain that is wrong in way `w`.
std::uint64_t right(std::uint64_t i) { return 1000 + i; }
std::uint64_t wrong(std::uint64_t i, std::uint64_t w) { return 1000 * (w + 1) + i; }

digest_ring ring_up_to(std::uint64_t last) {
  digest_ring ring;
  for (std::uint64_t i = 1; i <= last; ++i) ring.add({i}, {right(i)});
  return ring;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(digest_rings)

BOOST_AUTO_TEST_CASE(keeps_the_last_ones_and_forgets_across_a_hole) {
  digest_ring ring;
  BOOST_TEST(ring.at({0}) == 0U);
  ring.begin({{5}, 55});
  BOOST_TEST(ring.at({5}) == 55U);
  BOOST_TEST(ring.at({4}) == 0U);
  ring.add({8}, {6, 7, 8});
  BOOST_TEST(ring.at({5}) == 55U);
  BOOST_TEST(ring.at({7}) == 7U);
  BOOST_TEST(ring.at({9}) == 0U);
  ring.add({8}, {1, 2, 3});  // told again
  BOOST_TEST(ring.at({8}) == 8U);
  ring.add({12}, {11, 12});
  BOOST_TEST(ring.at({8}) == 0U);
  BOOST_TEST(ring.at({11}) == 11U);
  BOOST_CHECK((ring.last() == chain_point{{12}, 12}));
  for (std::uint64_t i = 13; i < 10'000; ++i) ring.add({i}, {i});
  BOOST_TEST(ring.at({9'999}) == 9'999U);
  BOOST_TEST(ring.at({9'999 - 4'095}) == 9'999U - 4'095U);
  BOOST_TEST(ring.at({9'999 - 4'096}) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(digest_judges)

/// Member 1 leads and has applied 10 entries; the others have said something once.
BOOST_AUTO_TEST_CASE(a_table_of_verdicts) {
  struct said {
    std::uint64_t member;
    std::uint64_t index;
    std::uint64_t way;  ///< 0: right
  };
  struct row {
    const char* what;
    configuration members;
    std::vector<said> all;
    std::vector<std::uint64_t> condemned;
    bool own_is_wrong;
  };
  const std::vector<row> table{
      {"all agree", voters({{1}, {2}, {3}}), {{2, 9, 0}, {3, 10, 0}}, {}, false},
      {"one differs", voters({{1}, {2}, {3}}), {{2, 9, 0}, {3, 9, 1}}, {3}, false},
      {"agreement before the difference",
       voters({{1}, {2}, {3}}),
       {{2, 8, 0}, {3, 9, 1}},
       {},
       false},
      {"agreement behind it", voters({{1}, {2}, {3}}), {{2, 10, 0}, {3, 9, 1}}, {3}, false},
      {"one differs, one is silent", voters({{1}, {2}, {3}}), {{3, 9, 1}}, {}, false},
      {"both differ alike", voters({{1}, {2}, {3}}), {{2, 9, 1}, {3, 9, 1}}, {}, true},
      {"both differ, each in its way", voters({{1}, {2}, {3}}), {{2, 9, 1}, {3, 9, 2}}, {}, false},
      {"both differ, never seen at one entry",
       voters({{1}, {2}, {3}}),
       {{2, 9, 1}, {3, 8, 1}},
       {},
       false},
      {"then they are",
       voters({{1}, {2}, {3}}),
       {{2, 8, 1}, {2, 9, 1}, {3, 8, 1}, {3, 10, 1}},
       {},
       true},
      {"two voters", voters({{1}, {2}}), {{2, 9, 1}}, {}, false},
      {"a learner, one voter", voters({{1}}), {{2, 9, 1}}, {2}, false},
      {"a learner, the other voters silent", voters({{1}, {2}, {3}}), {{4, 9, 1}}, {}, false},
      {"learners do not count",
       voters({{1}, {2}, {3}}),
       {{4, 9, 1}, {5, 9, 1}, {6, 9, 1}},
       {},
       false},
      {"five, two differ",
       voters({{1}, {2}, {3}, {4}, {5}}),
       {{2, 9, 0}, {3, 9, 0}, {4, 9, 1}, {5, 9, 1}},
       {4, 5},
       false},
      {"five, three differ alike",
       voters({{1}, {2}, {3}, {4}, {5}}),
       {{2, 9, 0}, {3, 9, 1}, {4, 9, 1}, {5, 9, 1}},
       {},
       true},
      {"joint: only one set agrees",
       voters({{1}, {2}, {3}}, {{1}, {4}, {5}}),
       {{2, 9, 0}, {3, 9, 1}},
       {},
       false},
      {"joint: both do",
       voters({{1}, {2}, {3}}, {{1}, {4}, {5}}),
       {{2, 9, 0}, {5, 9, 0}, {3, 9, 1}},
       {3},
       false},
      {"joint: only one set differs",
       voters({{1}, {2}, {3}}, {{1}, {4}, {5}}),
       {{2, 9, 1}, {3, 9, 1}},
       {},
       false},
      {"a leader that leaves does not count",
       voters({{2}, {3}}),
       {{2, 9, 0}, {3, 9, 1}},
       {},
       false},
      {"an entry that is not kept", voters({{1}, {2}, {3}}), {{2, 9, 0}, {3, 11, 1}}, {}, false},
  };
  const auto own = ring_up_to(10);
  for (const auto& r : table) {
    digest_judge judge;
    for (const auto& s : r.all)
      judge.hear({s.member}, {{s.index}, s.way == 0 ? right(s.index) : wrong(s.index, s.way)}, own);
    std::vector<std::uint64_t> condemned;
    for (std::uint64_t m = 1; m <= 6; ++m)
      if (judge.condemned({m}, r.members, {1})) condemned.push_back(m);
    BOOST_TEST_CONTEXT(r.what) {
      BOOST_TEST(condemned == r.condemned, boost::test_tools::per_element());
      BOOST_TEST(judge.is_own_wrong(r.members) == r.own_is_wrong);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_said_later_counts) {
  const auto own = ring_up_to(10);
  const auto all = voters({{1}, {2}, {3}});
  digest_judge judge;
  judge.hear({2}, {{9}, right(9)}, own);
  judge.hear({3}, {{7}, wrong(7, 1)}, own);
  judge.hear({3}, {{9}, wrong(9, 1)}, own);
  BOOST_CHECK(judge.condemned({3}, all, {1}) == chain_point({{9}, wrong(9, 1)}));
  judge.hear({3}, {{9}, right(9)}, own);  // has another state now
  BOOST_CHECK(!judge.sees_difference());
  judge.hear({3}, {{8}, wrong(8, 1)}, own);  // came late
  BOOST_CHECK(!judge.sees_difference());
  judge.hear({3}, {{10}, 0}, own);  // does not know its chain
  BOOST_CHECK(!judge.differs({3}));
}

/// Chains that differ from some entry on; reports in any order, lost and repeated. Whoever is
/// condemned is wrong as long as most voters are right.
BOOST_AUTO_TEST_CASE(no_right_member_is_condemned_while_most_are_right) {
  std::mt19937_64 chance(11);
  std::size_t condemned = 0;
  std::size_t own_wrong = 0;
  for (int run = 0; run < 3'000; ++run) {
    const std::uint64_t count = 3 + 2 * (chance() % 2);
    std::vector<member_id> ids;
    for (std::uint64_t m = 1; m <= count; ++m) ids.push_back({m});
    const auto all = voters(ids);
    std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> bad;  // from entry, way
    for (auto left = chance() % (count / 2 + 1); left > 0; --left)
      bad[1 + chance() % count] = {1 + chance() % 90, 1 + chance() % 2};
    const auto digest_of = [&](std::uint64_t m, std::uint64_t i) {
      const auto at = bad.find(m);
      return at == bad.end() || i < at->second.first ? right(i) : wrong(i, at->second.second);
    };
    digest_ring own;
    digest_judge judge;
    for (std::uint64_t i = 1; i <= 100; ++i) {
      own.add({i}, {digest_of(1, i)});
      const auto m = 2 + chance() % (count - 1);
      const auto j = std::max<std::uint64_t>(1, i + chance() % 3 - std::min(i, chance() % 10));
      judge.hear({m}, {{j}, digest_of(m, j)}, own);
      for (std::uint64_t k = 2; k <= count; ++k) {
        if (!judge.condemned({k}, all, {1})) continue;
        ++condemned;
        BOOST_REQUIRE(bad.contains(k) || bad.contains(1));
        BOOST_REQUIRE(bad.contains(k));
      }
      if (!judge.is_own_wrong(all)) continue;
      ++own_wrong;
      BOOST_REQUIRE(bad.contains(1));
    }
  }
  BOOST_TEST(condemned > 1'000U);
  BOOST_TEST(own_wrong > 1'000U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(condemned_members)

namespace {

entry at(std::uint64_t index) {
  entry e;
  e.index = {index};
  e.term = {1};
  e.kind = entry_kind::noop;
  return e;
}

/// Member 2 of three, with entries 1 to 8 of term 1, which leader 1 has committed.
core follower(bool condemned = false) {
  start_state start;
  start.hard.term = {1};
  start.snapshot.members = voters({{1}, {2}, {3}});
  for (std::uint64_t i = 1; i <= 8; ++i) start.entries.push_back(at(i));
  start.condemned = condemned;
  settings with;
  with.self = {2};
  return {with, std::move(start)};
}

message heartbeat_of(chain_point condemned, std::uint64_t commit = 8) {
  return {{1}, {2}, {1}, heartbeat{{commit}, 0, condemned}};
}

applied applied_all(std::uint64_t way) {
  applied a{{8}, {}};
  for (std::uint64_t i = 1; i <= 8; ++i) a.digests.push_back(wrong(i, way));
  return a;
}

snapshot_meta meta_at(std::uint64_t index) {
  snapshot_meta m;
  m.index = {index};
  m.term = {1};
  m.members = voters({{1}, {2}, {3}});
  m.digest = right(index);
  return m;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_verdict_on_what_is_not_here_is_of_no_account) {
  auto c = follower();
  (void)c.step(received{heartbeat_of({})});
  (void)c.step(applied_all(1));
  (void)c.step(received{heartbeat_of({{8}, right(8)})});
  (void)c.step(received{heartbeat_of({{9}, wrong(9, 1)})});
  BOOST_TEST(!c.is_condemned());
}

BOOST_AUTO_TEST_CASE(a_condemned_member_applies_nothing_asks_and_serves_once_it_has_caught_up) {
  auto c = follower();
  BOOST_TEST(c.step(received{heartbeat_of({}, 7)}).committed.size() == 7U);
  (void)c.step(applied{{6}, {1, 2, 3, 4, 5, wrong(6, 1)}});
  const auto out = c.step(received{heartbeat_of({{6}, wrong(6, 1)}, 8)});
  BOOST_TEST(c.is_condemned());
  BOOST_TEST(out.committed.empty());
  BOOST_REQUIRE(out.fetch_snapshot);
  BOOST_TEST(out.fetch_snapshot->index.value == 6U);
  BOOST_TEST(std::get<heartbeat_response>(out.messages.back().body).condemned);
  BOOST_CHECK(!c.step(received{heartbeat_of({})}).fetch_snapshot);  // asked not long ago
  for (int i = 0; i < 4; ++i) (void)c.step(tick{1});
  BOOST_CHECK(c.step(received{{{1}, {2}, {1}, timeout_now{}}}).hard == std::nullopt);

  const auto installed = c.step(snapshot_installed{meta_at(6)});
  BOOST_TEST(c.is_condemned());
  BOOST_REQUIRE(installed.committed.size() == 2U);  // again from there on
  BOOST_TEST(installed.committed[0].index.value == 7U);
  (void)c.step(applied{{7}, {right(7)}});
  BOOST_TEST(c.is_condemned());
  (void)c.step(applied{{8}, {right(8)}});
  BOOST_TEST(!c.is_condemned());
  const auto said =
      c.step(received{heartbeat_of({{6}, wrong(6, 1)})});  // of the state that is gone
  BOOST_TEST(!c.is_condemned());
  BOOST_CHECK((std::get<heartbeat_response>(said.messages.back().body).applied ==
               chain_point{{8}, right(8)}));
}

BOOST_AUTO_TEST_CASE(it_campaigns_only_when_nobody_else_does_for_long) {
  auto c = follower(true);
  int ticks = 0;
  while (c.step(tick{1}).messages.empty() && ticks < 200) ++ticks;
  BOOST_TEST(ticks >= 49);
  BOOST_TEST(ticks < 100);
  auto healthy = follower();
  ticks = 0;
  while (healthy.step(tick{1}).messages.empty() && ticks < 200) ++ticks;
  BOOST_TEST(ticks < 10);
}

BOOST_AUTO_TEST_CASE(a_condemned_leader_hands_over_and_judges_nobody) {
  auto c = follower(true);
  while (c.role_now() != role::pre_candidate) (void)c.step(tick{1});
  (void)c.step(received{{{3}, {2}, {2}, vote_response{true, true}}});
  (void)c.step(received{{{3}, {2}, {2}, vote_response{false, true}}});
  BOOST_REQUIRE(c.role_now() == role::leader);
  append_response all_of_it;
  all_of_it.match = {9};
  (void)c.step(received{{{3}, {2}, {2}, all_of_it}});
  bool told = false;
  for (int i = 0; i < 10 && !told; ++i)
    for (const auto& m : c.step(tick{1}).messages) {
      told = told || (m.to == member_id{3} && std::holds_alternative<timeout_now>(m.body));
      if (const auto* h = std::get_if<heartbeat>(&m.body)) BOOST_TEST(h->condemned.digest == 0U);
    }
  BOOST_TEST(told);
}

BOOST_AUTO_TEST_SUITE_END()
