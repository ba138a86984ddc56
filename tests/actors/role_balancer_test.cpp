#include "actors/roles/role_balancer.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;
using namespace muster::roles;

namespace {

constexpr member_id self{1};

/// A balancer on the leader of three voters; what it says is kept.
struct balanced {
  std::shared_ptr<raft::raft_board> board = std::make_shared<raft::raft_board>();
  std::shared_ptr<state::cluster_facts> facts = std::make_shared<state::cluster_facts>();
  std::vector<raft::wish_members> wishes;
  std::vector<note_roles> notes;
  std::vector<member_id> told;  ///< that they may go
  raft::board_view now;
  std::unique_ptr<balancer> balances;

  balanced() {
    for (std::uint64_t id = 1; id <= 4; ++id) {
      state::member_facts m;
      m.id = {id};
      m.name = "n" + std::to_string(id);
      m.role = id == 1 ? "leader" : id == 4 ? "stand-by" : "voter";
      facts->members.push_back(m);
      if (id != 1) now.sessions[{id}] = true;
      if (id != 1) now.raft.progress.push_back({{id}, {9}, {9}, true, false, false});
    }
    now.raft.now = raft::role::leader;
    now.raft.term = {2};
    now.raft.leader = self;
    now.raft.commit = {9};
    now.raft.members.voters = {{1}, {2}, {3}};
    now.raft.members.standbys = {{4}};
    now.applied = {9};
    now.tick_period = std::chrono::milliseconds(20);
    board->show(now);
    balancer_settings with;
    with.self = self;
    with.board = board;
    with.facts = [this] { return facts; };
    with.wish = [this](raft::wish_members w) { wishes.push_back(std::move(w)); };
    with.let_lead = [](raft::let_lead) {};
    with.send = [this](member_id to, codec::hand_over h) {
      if (h.is_done) told.push_back(to);
    };
    with.note = [this](note_roles n) { notes.push_back(std::move(n)); };
    balances = std::make_unique<balancer>(std::move(with));
    for (std::uint64_t id = 2; id <= 4; ++id) balances->on_session({id}, true);
  }

  void show() { board->show(now); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(role_balancer)

BOOST_AUTO_TEST_CASE(all_is_as_it_should_be) {
  balanced b;
  BOOST_TEST(b.wishes.empty());
  BOOST_TEST(b.notes.empty());
  BOOST_CHECK(b.board->get().roles_rest_at == log_index{9});
}

/// The board still shows the session of a member that was just lost.
BOOST_AUTO_TEST_CASE(who_is_lost_gets_no_role_though_the_board_shows_it) {
  balanced b;
  b.balances->on_session({2}, false);
  BOOST_REQUIRE(b.wishes.size() == 1U);
  const auto& next = b.wishes[0].next;
  BOOST_CHECK((next.voters == std::vector<member_id>{{1}, {3}, {4}}));
  BOOST_TEST(next.standbys.empty());
  BOOST_CHECK(b.wishes[0].from == b.now.raft.members);
  BOOST_CHECK(b.board->get().roles_rest_at == log_index{});
}

/// Whoever stops goes when its role is another's and everybody is shown so.
BOOST_AUTO_TEST_CASE(who_stops_is_told_when_all_is_noted) {
  balanced b;
  b.balances->on_hand_over({2}, false);
  BOOST_REQUIRE(b.wishes.size() == 1U);
  BOOST_TEST(b.told.empty());
  b.now.raft.members = b.wishes[0].next;
  b.show();
  b.balances->look();
  BOOST_TEST(b.told.empty());
  BOOST_REQUIRE(b.notes.size() == 1U);
  BOOST_TEST(b.notes[0].changes.size() == 2U);
  for (const auto& c : b.notes[0].changes)
    for (auto& m : b.facts->members)
      if (m.id == c.about) m.role = c.role;
  b.balances->look();
  BOOST_CHECK(b.told == std::vector<member_id>{{2}});
  BOOST_CHECK(b.board->get().roles_rest_at == log_index{9});
}

BOOST_AUTO_TEST_CASE(a_wish_that_has_no_reason_any_more_is_taken_back) {
  balanced b;
  b.balances->on_session({2}, false);
  b.balances->on_session({2}, true);
  BOOST_REQUIRE(b.wishes.size() == 2U);
  BOOST_CHECK(b.wishes[1].next == b.wishes[1].from);
}

/// What was said of an older board counts no more.
BOOST_AUTO_TEST_CASE(a_rest_of_before_a_change_is_none) {
  raft::raft_board board;
  raft::board_view v;
  v.raft.term = {1};
  board.show(v);
  const auto seen = board.get().version;
  v.sessions[{2}] = true;
  board.show(v);
  board.roles_rest({7}, seen);
  BOOST_CHECK(board.get().roles_rest_at == log_index{});
  board.roles_rest({7}, board.get().version);
  board.show(v);
  BOOST_CHECK(board.get().roles_rest_at == log_index{7});
  v.raft.term = {2};
  board.show(v);
  BOOST_CHECK(board.get().roles_rest_at == log_index{});
}

BOOST_AUTO_TEST_SUITE_END()
