#include "actors/raft/write_rules.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;
using namespace muster::raft;

BOOST_AUTO_TEST_SUITE(write_rules)

BOOST_AUTO_TEST_CASE(tags_of_two_lives_and_own_writes_are_apart) {
  tag_source first({1});
  tag_source second({2});
  const auto a = first.next();
  BOOST_TEST(a != second.next());
  BOOST_TEST(a != first.next());
  BOOST_TEST(!tag_source::is_own_write(a));
  BOOST_TEST(!tag_source::is_own_write(tag_source({0}).next()));
  BOOST_TEST(tag_source::is_own_write(1'048'576));  // after 1 << 20 own writes
}

BOOST_AUTO_TEST_CASE(a_refusal_is_final_only_for_the_first_copy) {
  const member_id asked{2};
  const member_id other{3};
  const struct {
    errc why;
    unsigned copies;
    member_id from;
    refusal wanted;
  } cases[] = {
      {errc::busy, 1, asked, refusal::is_final},
      {errc::too_large, 1, asked, refusal::is_final},
      {errc::busy, 2, asked, refusal::send_again},
      {errc::not_leader, 1, asked, refusal::send_again},
      {errc::not_leader, 2, asked, refusal::send_again},
      {errc::busy, 1, other, refusal::is_of_others},
      {errc::not_leader, 2, other, refusal::is_of_others},
  };
  for (const auto& c : cases) BOOST_TEST((refusal_of(c.why, c.copies, c.from, asked) == c.wanted));
}

BOOST_AUTO_TEST_CASE(a_leaders_stamps_do_not_follow_a_jump) {
  constexpr std::uint64_t year = 365ULL * 86'400'000;
  stamp_clock c;
  BOOST_TEST(c.read(1000, 0, true) == 1000U);
  BOOST_TEST(c.read(2000, 1000, true) == 2000U);
  BOOST_TEST(c.read(2000 + year, 1100, true) <= 1000 + 2 * 1100 + stamp_clock::slack_ms);
  BOOST_TEST(c.read(3000, 2000, true) == 3000U);              // set right again
  BOOST_TEST(c.read(500, 2100, true) == 500U);                // back: stamps stand still elsewhere
  BOOST_TEST(c.read(500 + year, 2200, false) == 500 + year);  // not leading: nobody sees it
}

BOOST_AUTO_TEST_SUITE_END()
