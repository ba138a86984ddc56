#include "tests/simulation/rules/invariants.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;
using namespace muster::simulation;

namespace {

raft::configuration voters(std::initializer_list<std::uint64_t> ids) {
  raft::configuration c;
  for (const auto id : ids) c.voters.push_back({id});
  return c;
}

raft::entry at(std::uint64_t index, std::uint64_t term) {
  raft::entry e;
  e.index = {index};
  e.term = {term};
  e.kind = raft::entry_kind::noop;
  return e;
}

/// A core and its disk, watched by rules; inputs go past the rules of how a member behaves.
struct watched {
  watched(invariants& all, std::uint64_t id, const raft::configuration& members,
          std::vector<raft::entry> log = {}, std::uint64_t term = 1)
      : rules(all), core(with(id), start(members, std::move(log), term)) {
    rules.add({id}, kept);
    rules.started({id}, core);
  }
  static raft::settings with(std::uint64_t id) {
    raft::settings s;
    s.self = {id};
    return s;
  }
  static raft::start_state start(const raft::configuration& members, std::vector<raft::entry> log,
                                 std::uint64_t term) {
    raft::start_state s;
    s.hard.term = {term};
    s.snapshot.members = members;
    s.entries = std::move(log);
    return s;
  }
  raft::output step(const raft::input& in) {
    auto out = core.step(in);
    rules.stepped(core.status().leader, core, in);
    return out;
  }
  void lead(std::uint64_t id) {
    for (int i = 0; core.role_now() != raft::role::leader && i < 20; ++i) {
      const raft::input in = raft::tick{1};
      (void)core.step(in);
      rules.stepped({id}, core, in);
    }
  }

  invariants& rules;
  disk kept;
  raft::core core;
};

bool names(const invariants& rules, const char* rule) {
  return rules.violation().starts_with(rule);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(each_rule_sees_a_wrong_history)

BOOST_AUTO_TEST_CASE(two_leaders_of_a_term) {
  invariants rules;
  watched a(rules, 1, voters({1}));
  watched b(rules, 2, voters({2}));
  a.lead(1);
  BOOST_TEST(rules.violation() == "");
  b.lead(2);
  BOOST_TEST(names(rules, "election_safety"));
}

BOOST_AUTO_TEST_CASE(a_leader_that_speaks_before_its_vote_is_durable) {
  invariants rules;
  watched a(rules, 1, voters({1}));
  a.lead(1);
  rules.sending({1}, a.core, {{1}, {2}, {2}, raft::heartbeat{}});
  BOOST_TEST(names(rules, "leader_has_durable_votes_of_a_quorum"));
}

BOOST_AUTO_TEST_CASE(a_leader_that_nobody_elected) {
  invariants rules;
  watched a(rules, 1, voters({1}));
  rules.sending({1}, a.core, {{1}, {2}, {9}, raft::heartbeat{}});
  BOOST_TEST(names(rules, "leader_has_durable_votes_of_a_quorum"));
}

BOOST_AUTO_TEST_CASE(a_vote_told_before_it_is_durable) {
  invariants rules;
  watched a(rules, 1, voters({1, 2}));
  rules.sending({1}, a.core, {{1}, {2}, {5}, raft::vote_response{false, true}});
  BOOST_TEST(names(rules, "vote_is_durable_before_reply"));
}

BOOST_AUTO_TEST_CASE(a_vote_given_twice_and_a_term_that_falls) {
  chance random(1);
  const auto sync = [&](invariants& rules, disk& kept, std::uint64_t term, std::uint64_t vote) {
    kept.begin({raft::hard_state{{term}, {vote}}, {}, {}});
    kept.sync();
    rules.synced({1});
  };
  invariants twice;
  watched a(twice, 1, voters({1, 2}));
  sync(twice, a.kept, 3, 1);
  sync(twice, a.kept, 3, 1);
  BOOST_TEST(twice.violation() == "");
  sync(twice, a.kept, 3, 2);
  BOOST_TEST(names(twice, "one_vote_a_term"));
  invariants fallen;
  watched b(fallen, 1, voters({1, 2}));
  sync(fallen, b.kept, 3, 0);
  sync(fallen, b.kept, 2, 0);
  BOOST_TEST(names(fallen, "term_is_monotone"));
}

BOOST_AUTO_TEST_CASE(logs_that_differ_at_an_index_and_term) {
  invariants rules;
  watched a(rules, 1, voters({1}), {at(1, 1)});
  auto other = at(1, 1);
  other.stamp_ms = 9;
  watched b(rules, 2, voters({1}), {other});
  BOOST_TEST(names(rules, "log_matching"));
}

BOOST_AUTO_TEST_CASE(logs_that_agree_at_an_entry_and_differ_before_it) {
  invariants rules;
  watched a(rules, 1, voters({1}), {at(1, 1), at(2, 3)}, 3);
  watched b(rules, 2, voters({1}), {at(1, 2), at(2, 3)}, 3);
  BOOST_TEST(names(rules, "log_matching"));
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_before_the_write) {
  invariants rules;
  watched a(rules, 1, voters({1, 2}), {at(1, 1)});
  raft::append_response good;
  good.match = {1};
  rules.sending({1}, a.core, {{1}, {2}, {1}, good});
  BOOST_TEST(names(rules, "append_reply_is_durable"));
}

BOOST_AUTO_TEST_CASE(a_commit_that_the_disks_do_not_hold) {
  invariants rules;
  watched a(rules, 1, voters({1}));
  a.lead(1);
  const raft::input told = raft::durable{{1}, {2}};  // nothing was written
  (void)a.core.step(told);
  rules.stepped({1}, a.core, told);
  BOOST_TEST(names(rules, "commit_is_durable_on_a_quorum"));
}

BOOST_AUTO_TEST_CASE(a_commit_that_no_leader_made) {
  invariants rules;
  watched a(rules, 1, voters({1, 2}), {at(1, 1)});
  const raft::input beat = raft::received{{{2}, {1}, {1}, raft::heartbeat{{1}, 0}}};
  (void)a.core.step(beat);
  rules.stepped({1}, a.core, beat);
  BOOST_TEST(names(rules, "committed_entries_agree"));
}

BOOST_AUTO_TEST_CASE(an_applied_entry_that_was_not_committed) {
  invariants rules;
  rules.applied({1}, at(1, 1), {});
  BOOST_TEST(names(rules, "state_machine_safety"));
}

BOOST_AUTO_TEST_CASE(states_that_differ) {
  invariants rules;
  saved_state a;
  a.meta.index = {7};
  a.digest = 5;
  rules.installed({1}, a);
  a.digest = 6;
  rules.installed({2}, a);
  BOOST_TEST(names(rules, "apply_is_deterministic"));
}

BOOST_AUTO_TEST_CASE(chains_that_do_not_tell) {
  saved_state right;
  right.meta.index = {7};
  right.digest = right.meta.digest = 5;
  invariants alike;
  alike.installed({1}, right);
  auto other_chain = right;
  other_chain.meta.digest = 6;
  alike.installed({2}, other_chain);
  BOOST_TEST(names(alike, "chain_tells"));
}

BOOST_AUTO_TEST_CASE(a_right_member_that_is_condemned) {
  saved_state right;
  saved_state wrong;
  wrong.is_wrong = true;
  invariants rules;
  rules.condemned({1}, wrong, true);
  rules.condemned({2}, right, false);
  BOOST_TEST(rules.violation() == "");
  rules.condemned({2}, right, true);
  BOOST_TEST(names(rules, "no_right_member_is_condemned"));
}

BOOST_AUTO_TEST_CASE(a_stale_read_and_an_early_answer) {
  invariants stale;
  stale.read({4}, {4});
  BOOST_TEST(stale.violation() == "");
  stale.read({4}, {3});
  BOOST_TEST(names(stale, "read_sees_acknowledged_writes"));
  invariants early;
  early.acknowledged({4});
  BOOST_TEST(names(early, "acknowledged_is_committed"));
}

BOOST_AUTO_TEST_CASE(a_voter_that_holds_nothing) {
  invariants rules;
  watched a(rules, 1, voters({1}));
  watched b(rules, 2, voters({1}));
  a.lead(1);
  a.kept.begin({raft::hard_state{{2}, {1}}, {}, {a.core.entries().at({1})}});
  a.kept.sync();
  rules.synced({1});
  const auto step = [&](const raft::input& in) {
    (void)a.core.step(in);
    rules.stepped({1}, a.core, in);
  };
  step(raft::durable{{1}, {2}});
  auto learning = voters({1});
  learning.standbys = {{2}};
  step(raft::change_members{1, learning});
  BOOST_TEST(rules.violation() == "");
  for (std::uint64_t i = 2; i <= 3; ++i) {
    a.kept.begin({{}, {}, {a.core.entries().at({i})}});
    a.kept.sync();
    step(raft::durable{{i}, {2}});
  }
  raft::append_response lie;  // member 2's disk is empty
  lie.match = {3};
  step(raft::received{{{2}, {1}, {2}, lie}});
  BOOST_TEST(rules.violation() == "");
  step(raft::change_members{2, voters({1, 2})});
  BOOST_TEST(names(rules, "promoted_has_caught_up"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(disks)

BOOST_AUTO_TEST_CASE(a_flipped_bit_is_found_and_a_torn_write_is_cut) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    chance random(seed);
    disk kept;
    kept.bootstrap(voters({1}));
    kept.begin({raft::hard_state{{2}, {1}}, {}, {at(2, 2)}});
    kept.cut_power(write_fate::torn, random);
    BOOST_TEST(kept.last().value == 1U);
    BOOST_TEST(kept.load().ok());
    kept.flip(random);
    const auto plan = kept.load();
    BOOST_REQUIRE(!plan.ok());
    BOOST_CHECK(plan.error().code == errc::corrupt);
  }
}

BOOST_AUTO_TEST_SUITE_END()
