#include "actors/roles/roles_core.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <set>

namespace roles = muster::roles;
namespace raft = muster::raft;
using muster::member_id;

namespace {

roles::candidate candidate(std::uint64_t id, bool is_online = true,
                           std::string domain = "default") {
  roles::candidate c;
  c.id = {id};
  c.name = "n" + std::to_string(id);
  c.failure_domain = std::move(domain);
  c.is_online = c.is_caught_up = is_online;
  return c;
}

std::vector<roles::candidate> members(std::initializer_list<std::uint64_t> ids,
                                      std::initializer_list<std::uint64_t> offline = {}) {
  std::vector<roles::candidate> all;
  for (const auto id : ids)
    all.push_back(candidate(id, std::find(offline.begin(), offline.end(), id) == offline.end()));
  return all;
}

/// Two members in each of three failure domains: 1 and 2 in a, 3 and 4 in b, 5 and 6 in c.
std::vector<roles::candidate> three_domains() {
  std::vector<roles::candidate> all;
  for (std::uint64_t id = 1; id <= 6; ++id)
    all.push_back(candidate(id, true, std::string(1, static_cast<char>('a' + (id - 1) / 2))));
  return all;
}

raft::configuration voters(std::vector<member_id> ids) {
  raft::configuration c;
  c.voters = std::move(ids);
  return c;
}

/// Follows the plan to its end; at each resting place the number of voters is odd.
raft::configuration settle(raft::configuration now, const std::vector<roles::candidate>& all,
                           member_id leader = {1}, const roles::targets& wanted = {}) {
  for (int i = 0; i < 50; ++i) {
    auto next = roles::plan(now, all, leader, wanted);
    if (!next) return now;
    BOOST_CHECK(!next->next.is_joint());
    BOOST_CHECK(next->next.voters.size() % 2 == 1);
    for (const auto& [id, why] : next->reasons) BOOST_CHECK(!why.empty());
    now = std::move(next->next);
  }
  BOOST_ERROR("the plan does not come to an end");
  return now;
}

bool contains(const std::vector<member_id>& ids, member_id id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::set<std::string> domains(const std::vector<roles::candidate>& all,
                              const std::vector<member_id>& ids) {
  std::set<std::string> found;
  for (const auto& c : all)
    if (contains(ids, c.id)) found.insert(c.failure_domain);
  return found;
}

std::size_t role_changes(const raft::configuration& a, const raft::configuration& b) {
  const auto all = b.voters.size() + b.standbys.size() + b.spares.size();
  std::size_t n = 0;
  for (std::uint64_t id = 1; id <= all; ++id)
    n += std::string_view(roles::role_name(a, {id})) != roles::role_name(b, {id});
  return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(roles_core)

BOOST_AUTO_TEST_CASE(counts_by_cluster_size) {
  struct {
    std::size_t members, voters, standbys, spares;
  } const table[] = {{1, 1, 0, 0}, {2, 1, 1, 0}, {3, 3, 0, 0}, {4, 3, 1, 0}, {5, 3, 2, 0},
                     {6, 3, 2, 1}, {7, 3, 2, 2}, {8, 3, 2, 3}, {9, 3, 2, 4}};
  for (const auto& t : table) {
    std::vector<roles::candidate> all;
    for (std::uint64_t id = 1; id <= t.members; ++id) all.push_back(candidate(id));
    const auto c = settle(voters({{1}}), all);
    BOOST_TEST(c.voters.size() == t.voters);
    BOOST_TEST(c.standbys.size() == t.standbys);
    BOOST_TEST(c.spares.size() == t.spares);
  }
}

BOOST_AUTO_TEST_CASE(counts_follow_the_keys) {
  const auto all = members({1, 2, 3, 4, 5, 6, 7});
  const auto five = settle(voters({{1}}), all, {1}, {5, 1});
  BOOST_TEST(five.voters.size() == 5U);
  BOOST_TEST(five.standbys.size() == 1U);
  const auto three = settle(five, all, {5}, {3, 0});
  BOOST_CHECK((three.voters == std::vector<member_id>{{1}, {2}, {5}}));
  BOOST_TEST(three.standbys.empty());
}

BOOST_AUTO_TEST_CASE(lost_voters_are_replaced_with_one_change_each) {
  auto all = members({1, 2, 3, 4, 5, 6, 7});
  auto now = settle(voters({{1}}), all);
  for (const std::uint64_t dead : {2, 3}) {
    all[dead - 1].is_online = all[dead - 1].is_caught_up = false;
    const auto plan = roles::plan(now, all, {1}, {});
    BOOST_REQUIRE(plan);
    BOOST_TEST(role_changes(now, plan->next) == 3U);  // stand-by, spare, the dead one
    BOOST_TEST(plan->reasons.size() == 3U);
    BOOST_TEST(plan->reasons.at({dead}) == "it is offline");
    BOOST_CHECK(!roles::plan(plan->next, all, {1}, {}));
    now = plan->next;
  }
  BOOST_CHECK((now.voters == std::vector<member_id>{{1}, {4}, {5}}));
  BOOST_CHECK((now.standbys == std::vector<member_id>{{6}, {7}}));
}

BOOST_AUTO_TEST_CASE(the_reason_names_who_was_lost) {
  const auto now = settle(voters({{1}}), members({1, 2, 3, 4}));
  const auto plan = roles::plan(now, members({1, 2, 3, 4}, {3}), {1}, {});
  BOOST_REQUIRE(plan);
  BOOST_TEST(plan->reasons.at({4}) == "in place of n3, which is offline");
}

BOOST_AUTO_TEST_CASE(a_returning_member_takes_a_free_role_and_displaces_nobody) {
  const auto all = members({1, 2, 3, 4});
  const auto now = settle(voters({{1}}), all);
  const auto without = settle(now, members({1, 2, 3, 4}, {3}));
  BOOST_CHECK((without.voters == std::vector<member_id>{{1}, {2}, {4}}));
  const auto back = settle(without, all);
  BOOST_CHECK(back.voters == without.voters);
  BOOST_CHECK((back.standbys == std::vector<member_id>{{3}}));
}

BOOST_AUTO_TEST_CASE(a_stand_by_keeps_its_place_until_its_answers_are_in) {
  auto all = members({1, 2, 3, 4, 5, 6});
  const auto now = settle(voters({{1}}), all);
  for (const std::size_t i : {3, 4}) all[i].is_caught_up = false;
  BOOST_CHECK(!roles::plan(now, all, {1}, {}));
}

BOOST_AUTO_TEST_CASE(voters_stand_in_different_failure_domains) {
  auto all = three_domains();
  const auto now = settle(voters({{1}}), all);
  BOOST_TEST(domains(all, now.voters).size() == 3U);
  BOOST_CHECK((now.voters == std::vector<member_id>{{1}, {3}, {5}}));
  all[2].is_online = all[2].is_caught_up = false;
  const auto same = settle(now, all);
  BOOST_CHECK((same.voters == std::vector<member_id>{{1}, {4}, {5}}));
  all[3].is_online = all[3].is_caught_up = false;  // b has nobody left
  const auto crowded = settle(same, all);
  BOOST_TEST(domains(all, crowded.voters).size() == 2U);
  all[2].is_online = all[2].is_caught_up = true;
  all[2].losses = 1;  // back just now: displaces nobody yet
  BOOST_CHECK(settle(crowded, all).voters == crowded.voters);
  all[2].losses = 0;
  BOOST_TEST(domains(all, settle(crowded, all).voters).size() == 3U);
}

BOOST_AUTO_TEST_CASE(failure_domains_given_later_spread_the_voters) {
  const auto now = settle(voters({{1}}), members({1, 2, 3, 4, 5, 6}));
  BOOST_CHECK((now.voters == std::vector<member_id>{{1}, {2}, {3}}));
  const auto all = three_domains();
  const auto spread = settle(now, all, {2});
  BOOST_TEST(domains(all, spread.voters).size() == 3U);
  BOOST_CHECK(contains(spread.voters, {2}));  // the leader stays
}

BOOST_AUTO_TEST_CASE(a_flapping_member_waits_unless_the_quorum_is_at_stake) {
  auto all = members({1, 2, 3, 4, 5, 6}, {5});
  all[5].losses = 2;
  const auto five = voters({{1}, {2}, {3}, {4}, {5}});
  const auto kept = settle(five, all, {1}, {5, 2});
  BOOST_CHECK(kept.voters == five.voters);
  all[5].losses = 1;
  BOOST_CHECK(contains(settle(five, all, {1}, {5, 2}).voters, {6}));
  all[5].losses = 2;
  all[3].is_online = all[3].is_caught_up = false;  // three of five left
  BOOST_CHECK(contains(settle(five, all, {1}, {5, 2}).voters, {6}));
}

BOOST_AUTO_TEST_CASE(who_leaves_hands_its_role_over) {
  auto all = members({1, 2, 3, 4});
  const auto now = settle(voters({{1}}), all);
  all[1].is_leaving = true;
  const auto plan = roles::plan(now, all, {1}, {});
  BOOST_REQUIRE(plan);
  BOOST_CHECK((plan->next.voters == std::vector<member_id>{{1}, {3}, {4}}));
  BOOST_CHECK((plan->next.spares == std::vector<member_id>{{2}}));
  BOOST_TEST(plan->reasons.at({4}) == "in place of n2, which is stopping");
  BOOST_TEST(plan->reasons.at({2}) == "it is stopping");
  all.pop_back();  // nobody is there to take it
  BOOST_CHECK(!roles::plan(voters({{1}, {2}, {3}}), all, {1}, {}));
}

/// All voters were removed at once: those that stay become learners first and vote once caught up.
BOOST_AUTO_TEST_CASE(members_without_a_voter_get_one) {
  auto all = members({1, 2});
  all[0].is_caught_up = all[1].is_caught_up = false;
  all[1].is_online = false;
  const auto learning = roles::plan(voters({{9}}), all, {9}, {});
  BOOST_REQUIRE(learning);
  BOOST_CHECK((learning->next.voters == std::vector<member_id>{{9}}));
  all[0].is_caught_up = true;
  const auto next = roles::plan(learning->next, all, {9}, {});
  BOOST_REQUIRE(next);
  BOOST_CHECK(next->next.voters == std::vector<member_id>{{1}});
}

namespace {

/// A cluster of random size, counts, domains and failures, from a seed.
struct chance_cluster {
  std::mt19937_64 random;
  std::vector<roles::candidate> all;
  roles::targets wanted;
  raft::configuration now = voters({{1}});

  explicit chance_cluster(std::uint64_t seed) : random(seed) {
    const auto count = 1 + random() % 9;
    for (std::uint64_t id = 1; id <= count; ++id)
      all.push_back(candidate(id, true, std::string(1, static_cast<char>('a' + random() % 4))));
    wanted = {3 + 2 * (random() % 3), random() % 6};
  }

  [[nodiscard]] std::size_t working(const std::vector<member_id>& ids) const {
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const auto& c) { return contains(ids, c.id) && c.is_online; }));
  }

  void something_happens() {
    auto& c = all[random() % all.size()];
    c.is_online = random() % 3 != 0;
    c.is_caught_up = c.is_online && random() % 4 != 0;
    c.is_leaving = random() % 8 == 0;
    c.losses = static_cast<unsigned>(random() % 3);
    if (random() % 16 == 0) wanted = {3 + 2 * (random() % 3), random() % 6};
  }

  /// Who could lead: a voter that is online. The first, so that it is the same for a while.
  [[nodiscard]] member_id leader() const {
    for (const auto& c : all)
      if (c.is_online && contains(now.voters, c.id)) return c.id;
    return {};
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(whatever_happens_the_plan_is_safe_and_comes_to_rest) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      chance_cluster c(seed);
      for (int i = 0; i < 30; ++i) {
        c.something_happens();
        const auto leader = c.leader();
        if (!leader || c.working(c.now.voters) * 2 <= c.now.voters.size()) continue;  // no quorum
        for (int steps = 0;; ++steps) {
          BOOST_REQUIRE(steps < 20);
          const auto next = roles::plan(c.now, c.all, leader, c.wanted);
          if (!next) break;
          BOOST_REQUIRE(next->next.voters.size() % 2 == 1);
          BOOST_REQUIRE(next->next.voters.size() <= c.wanted.voters_max);
          BOOST_REQUIRE(next->next.standbys.size() <= c.wanted.standbys_max);
          BOOST_REQUIRE(contains(next->next.voters, leader));
          // A quorum that was there is there afterwards.
          BOOST_REQUIRE(c.working(next->next.voters) * 2 > next->next.voters.size());
          c.now = next->next;
        }
      }
    }
  }
}

/// While a change is under way nothing else is planned.
BOOST_AUTO_TEST_CASE(never_two_changes_at_once) {
  auto joint = voters({{1}, {2}, {3}});
  joint.outgoing = {{1}};
  BOOST_CHECK(!roles::plan(joint, members({1, 2, 3}, {3}), {1}, {}));
}

BOOST_AUTO_TEST_SUITE_END()
