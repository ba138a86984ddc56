#include "actors/roles/roles_core.hpp"
#include "tests/simulation/members/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <malloc.h>

namespace roles = muster::roles;
namespace raft = muster::raft;
using muster::command;
using muster::log_index;
using muster::member_id;
using muster::outcome;
using namespace muster::simulation;

namespace {

std::size_t bytes_in_use() {
  const auto now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
}

/// A hundred members on a good network: real cores, the real apply.
struct large_cluster {
  marks met;
  chance random{100};
  invariants rules;
  schedule time;
  muster::simulation::network net{true, random, met};
  muster::simulation::cluster members;

  explicit large_cluster(std::size_t count)
      : members(settings_for(count), time, net, random, met, rules) {
    members.hear.settled = [](node&, const command&, const outcome&, log_index) {};
    members.hear.read_ready = [](node&, std::uint64_t, log_index) {};
    members.hear.read_refused = [](node&, std::uint64_t) {};
    members.hear.went_down = [](node&) {};
    members.hear.stopped_serving = [](node&) {};
    members.hear.has_applied = [](node&) {};
    for (auto& n : members.nodes())
      time.in(n.m.id().value == 1 ? 0 : random.below(3'000), [this, &n] { members.boot(n); });
  }

  static cluster_settings settings_for(std::size_t count) {
    cluster_settings with;
    with.members = count;
    return with;
  }

  void run_for(std::uint64_t ms) {
    const auto end = time.now_ms() + ms;
    while (rules.violation().empty() && time.run_next(end)) {
    }
    BOOST_REQUIRE(rules.violation() == "");
  }

  raft::configuration roles() {
    auto* leader = members.leader();
    BOOST_REQUIRE(leader);
    return leader->m.core().members();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(a_hundred_members)

BOOST_AUTO_TEST_CASE(settle_beat_and_replace_what_is_lost) {
  const auto before = bytes_in_use();
  large_cluster c(100);
  c.run_for(8'000);
  auto now = c.roles();
  BOOST_TEST(now.voters.size() == 3U);
  BOOST_TEST(now.standbys.size() == 2U);
  BOOST_TEST(now.spares.size() == 95U);
  BOOST_TEST_MESSAGE("memory of all members, simulation included: "
                     << (bytes_in_use() - before) / 100 / 1024 << " KiB a member");
  const auto sent = c.members.messages_sent();
  c.run_for(10'000);
  const auto rate = (c.members.messages_sent() - sent) / 10;
  BOOST_TEST_MESSAGE("messages at rest: " << rate << "/s, all members");
  BOOST_TEST(rate < 100U * 2 * 1000 / 60 * 11 / 10);  // a heartbeat and its answer a tick
  for (int i = 0; i < 2; ++i) {
    const auto leader = c.members.leader()->m.id();
    const auto victim = *std::find_if(now.voters.begin(), now.voters.end(),
                                      [&](member_id id) { return id != leader; });
    c.members.crash(c.members.at(victim));
    c.run_for(2'000);
    const auto next = c.roles();
    BOOST_TEST(next.voters.size() == 3U);
    std::size_t changed = 0;
    for (const auto& n : c.members.nodes())
      changed +=
          std::string_view(roles::role_name(now, n.m.id())) != roles::role_name(next, n.m.id());
    BOOST_TEST(changed == 3U);  // the dead one, a stand-by, a spare
    c.run_for(5'000);
    BOOST_CHECK(c.roles() == next);  // and nothing more
    now = next;
  }
}

BOOST_AUTO_TEST_SUITE_END()
