#include "actors/images/images_core.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace muster;
using namespace muster::images;

namespace {

using ids = std::vector<member_id>;

std::vector<place> members(std::size_t count, std::size_t domains = 1) {
  std::vector<place> all;
  for (std::size_t i = 1; i <= count; ++i)
    all.push_back({{i}, "d" + std::to_string(i % domains), true});
  return all;
}

std::string domain_of(const std::vector<place>& all, member_id id) {
  for (const auto& m : all)
    if (m.id == id) return m.failure_domain;
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(images_core)

BOOST_AUTO_TEST_CASE(so_many_copies_as_are_wanted) {
  BOOST_TEST(copies_wanted(3, 5) == 3U);
  BOOST_TEST(copies_wanted(3, 2) == 2U);
  BOOST_TEST(copies_wanted(-1, 7) == 7U);
  const auto plan = plan_images({{"f", {{1}}, {}}}, members(5), {}, 3);
  BOOST_TEST(plan.copies.size() == 2U);
  BOOST_TEST(plan.trims.empty());
  BOOST_TEST(plan.shortages.empty());
}

BOOST_AUTO_TEST_CASE(a_holder_sends_once_and_the_others_pass_it_on) {
  const auto plan = plan_images({{"f", {{1}}, {}}}, members(6), {}, -1);
  BOOST_REQUIRE(plan.copies.size() == 5U);
  for (std::size_t i = 0; i < plan.copies.size(); ++i) {
    const auto& sources = plan.copies[i].sources;
    BOOST_CHECK(sources.front() == (i == 0 ? member_id{1} : plan.copies[i - 1].to));
    BOOST_CHECK(sources.back() == member_id{1});
  }
}

BOOST_AUTO_TEST_CASE(each_in_another_failure_domain) {
  const auto all = members(9, 3);
  const auto plan = plan_images({{"f", {{1}}, {}}}, all, {}, 3);
  std::set<std::string> domains{domain_of(all, {1})};
  for (const auto& c : plan.copies) domains.insert(domain_of(all, c.to));
  BOOST_TEST(domains.size() == 3U);
}

BOOST_AUTO_TEST_CASE(copies_of_members_that_are_off_count_for_nothing) {
  auto all = members(4);
  all[0].is_online = false;
  auto plan = plan_images({{"f", {{1}, {2}, {3}}, {}}}, all, {}, 3);
  BOOST_REQUIRE(plan.copies.size() == 1U);
  BOOST_CHECK(plan.copies[0].to == member_id{4});
  all[0].is_online = true;  // it is back: one too many
  plan = plan_images({{"f", {{1}, {2}, {3}, {4}}, {}}}, all, {}, 3);
  BOOST_TEST(plan.copies.empty());
  BOOST_TEST(plan.trims.size() == 1U);
}

BOOST_AUTO_TEST_CASE(whose_holders_are_all_off_waits_and_says_so) {
  auto all = members(3);
  all[0].is_online = all[1].is_online = false;
  const auto plan = plan_images({{"f", {{1}, {2}}, {}}}, all, {}, 3);
  BOOST_TEST(plan.copies.empty());
  BOOST_REQUIRE(plan.shortages.size() == 1U);
  BOOST_CHECK(plan.shortages[0].away == (ids{{1}, {2}}));
}

BOOST_AUTO_TEST_CASE(who_cannot_get_it_is_left_out_for_a_while) {
  held_image image{"f", {{1}}, {}, {{2}}};
  auto plan = plan_images({image}, members(4), {}, 3);
  std::set<member_id> asked;
  for (const auto& c : plan.copies) asked.insert(c.to);
  BOOST_CHECK(asked == (std::set<member_id>{{3}, {4}}));
  BOOST_TEST(plan.shortages.empty());
  plan = plan_images({image}, members(3), {}, 3);  // nobody else is there
  BOOST_TEST(plan.copies.size() == 1U);
  BOOST_REQUIRE(plan.shortages.size() == 1U);
  BOOST_TEST(plan.shortages[0].here == 2U);
}

BOOST_AUTO_TEST_CASE(where_instances_are_and_while_it_comes_nothing_goes) {
  const held_image everywhere{"f", {{1}, {2}, {3}, {4}}, {{1}, {2}, {3}}};
  auto plan = plan_images({everywhere}, members(4), {}, 1);
  BOOST_REQUIRE(plan.trims.size() == 1U);
  BOOST_CHECK(plan.trims[0].at == member_id{4});
  plan = plan_images({everywhere}, members(5), {{"f", {{5}}}}, 1);
  BOOST_TEST(plan.trims.empty());
}

/// A hundred images on a hundred members that come and go, with copies that fail: it ends, nothing
/// is fetched twice at a time, and nothing goes that is needed.
BOOST_AUTO_TEST_CASE(a_hundred_images_on_a_hundred_members) {
  std::mt19937 chance(7);
  auto all = members(100, 5);
  std::vector<held_image> images;
  for (int i = 0; i < 100; ++i)
    images.push_back({"image" + std::to_string(i), {{1 + chance() % 100}}, {}});
  under_way coming;
  constexpr int replicas = 3;
  int quiet = 0;
  for (int round = 0; round < 400 && quiet < 3; ++round) {
    if (round < 100 && round % 5 == 0) {
      auto& m = all[chance() % all.size()];
      m.is_online = !m.is_online;
    }
    const auto plan = plan_images(images, all, coming, replicas);
    for (const auto& c : plan.copies) {
      auto& to = coming[c.fingerprint];
      BOOST_REQUIRE(std::find(to.begin(), to.end(), c.to) == to.end());
      for (const auto& image : images)
        BOOST_REQUIRE(image.fingerprint != c.fingerprint || !image.barred.contains(c.to));
      to.push_back(c.to);
    }
    for (auto& image : images) {
      for (const auto& t : plan.trims)
        if (t.fingerprint == image.fingerprint) {
          BOOST_REQUIRE(image.holders.erase(t.at) == 1U);
          const auto left = std::count_if(all.begin(), all.end(), [&](const place& m) {
            return m.is_online && image.holders.contains(m.id);
          });
          BOOST_REQUIRE(left >= replicas);
        }
      for (const auto id : std::exchange(coming[image.fingerprint], {}))
        if (all[id.value - 1].is_online && chance() % 4 != 0)
          image.holders.insert(id);
        else
          image.barred.insert(id);
      if (chance() % 8 == 0) image.barred.clear();
    }
    coming.clear();
    quiet = plan.copies.empty() && plan.trims.empty() && round >= 100 ? quiet + 1 : 0;
  }
  BOOST_TEST(quiet == 3);
  std::map<member_id, int> load;
  for (const auto& image : images)
    for (const auto id : image.holders) ++load[id];
  for (const auto& [id, count] : load) BOOST_TEST(count <= 15);  // spread evenly
}

BOOST_AUTO_TEST_SUITE_END()
