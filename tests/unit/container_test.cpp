#include "actors/instances/container.hpp"

#include "actors/instances/lxc/cgroups.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;
using namespace muster::instances;

BOOST_AUTO_TEST_SUITE(containers)

BOOST_AUTO_TEST_CASE(cpu_use_is_read_from_either_version_of_cgroups) {
  BOOST_TEST(cpu_ns_in("usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n") ==
             1'234'567'000u);
  BOOST_TEST(cpu_ns_in("nr_periods 0\nusage_usec 5\n") == 5'000u);
  BOOST_TEST(cpu_ns_in("nr_periods 0\nnr_throttled 0\nthrottled_time 0\n") == 0u);
  BOOST_TEST(cpu_ns_in("") == 0u);
  BOOST_TEST(cpu_ns_in("usage_usec") == 0u);
}

BOOST_AUTO_TEST_CASE(a_wish_comes_through_whatever_it_holds) {
  using namespace std::string_literals;
  helper_wish w;
  w.what = {"/some where", {7}, "c", "u", 3, "host", "image", {}, "default", {}};
  w.what.config = {{"user.a = b", "x\0y\n"s}, {"environment.LARGE", std::string(3u << 20, 'x')}};
  w.what.nics = {{"eth 0", "veth", "", "00:16:3e:00:00:01"}};
  w.options = {{"force", "true"}, {"", ""}};
  w.environment = {{"A", "b=c d"}};
  w.command = {"sh", "-c", "", "--"};
  const auto message = encode(w);
  auto again = decode_wish(message);
  BOOST_REQUIRE(again.ok());
  BOOST_TEST(again->what.data_dir == w.what.data_dir);
  BOOST_TEST(again->what.id.value == 7u);
  BOOST_TEST(again->what.generation == 3u);
  BOOST_TEST((again->what.config == w.what.config));
  BOOST_TEST((again->what.nics == w.what.nics));
  BOOST_TEST((again->options == w.options));
  BOOST_TEST((again->environment == w.environment));
  BOOST_TEST((again->command == w.command));
  for (const std::size_t size : {message.size() - 1, std::size_t{3}, message.size() / 2})
    BOOST_TEST(!decode_wish(std::string_view(message).substr(0, size)).ok());
}

BOOST_AUTO_TEST_SUITE_END()
