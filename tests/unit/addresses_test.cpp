#include "http/resources/server/addresses.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;
using http::addresses;

BOOST_AUTO_TEST_SUITE(where_a_server_listens)

BOOST_AUTO_TEST_CASE(an_address_gets_its_port_and_brackets) {
  BOOST_TEST(*http::checked_address("10.0.0.1") == "10.0.0.1:8443");
  BOOST_TEST(*http::checked_address("fd00::1") == "[fd00::1]:8443");
  BOOST_TEST(*http::checked_address("[fd00::1]:1") == "[fd00::1]:1");
  BOOST_TEST(*http::checked_address("host.example:9") == "host.example:9");
  for (const char* bad : {"a:0", "a:65536", "a:x", "a b:1", "a/b:1"})
    BOOST_TEST(!http::checked_address(bad).ok());
}

BOOST_AUTO_TEST_CASE(who_hears_what) {
  BOOST_TEST(http::covers("10.0.0.1:1", "10.0.0.1:1"));
  BOOST_TEST(http::covers(":1", "10.0.0.1:1"));
  BOOST_TEST(http::covers("[::]:1", "[fd00::1]:1"));
  BOOST_TEST(!http::covers("0.0.0.0:1", "[fd00::1]:1"));
  BOOST_TEST(!http::covers("0.0.0.0:2", "10.0.0.1:1"));
  BOOST_TEST(!http::covers("10.0.0.2:1", "10.0.0.1:1"));
  BOOST_TEST(!http::covers("", "10.0.0.1:1"));
}

BOOST_AUTO_TEST_CASE(one_listener_is_enough_if_it_covers_both) {
  using all = std::vector<std::string>;
  BOOST_CHECK(http::listeners_of({}) == all{});
  BOOST_CHECK(http::listeners_of({":1", "a:1"}) == all{":1"});
  BOOST_CHECK((http::listeners_of({"a:1", "b:1"}) == all{"a:1", "b:1"}));
  BOOST_CHECK(http::listeners_of({"", "b:1"}) == all{"b:1"});
}

BOOST_AUTO_TEST_CASE(configuration_sets_and_unsets) {
  const addresses now{"a:1", ""};
  BOOST_CHECK((*http::after_config(now, {}, false, false) == now));
  BOOST_CHECK((*http::after_config(now, {}, true, false) == addresses{}));
  BOOST_CHECK(
      (*http::after_config(now, {{"core.https_address", ""}}, false, false) == addresses{}));
  BOOST_CHECK((*http::after_config(now, {{"core.https_address", "0.0.0.0"}}, false, false) ==
               addresses{"0.0.0.0:8443", ""}));
  BOOST_TEST(!http::after_config(now, {{"cluster.https_address", ":1"}}, false, false).ok());
}

BOOST_AUTO_TEST_CASE(the_address_of_a_member_does_not_change_by_configuration) {
  const addresses now{"a:1", "a:1"};
  const auto moved = http::after_config(now, {{"cluster.https_address", "b:1"}}, false, true);
  BOOST_TEST(moved.error().detail == "Changing cluster.https_address is currently not supported");
  BOOST_TEST(!http::after_config(now, {{"cluster.https_address", ""}}, false, true).ok());
  BOOST_CHECK((*http::after_config(now, {{"core.https_address", ":1"}}, true, true) ==
               addresses{":1", "a:1"}));
}

BOOST_AUTO_TEST_CASE(a_cluster_needs_an_address_that_can_be_dialled) {
  BOOST_CHECK((*http::for_enable({"a:1", ""}) == addresses{"a:1", "a:1"}));
  BOOST_CHECK((*http::for_enable({":1", "b:2"}) == addresses{":1", "b:2"}));
  BOOST_TEST(http::for_enable({}).error().detail.starts_with(
      "Cannot use wildcard core.https_address \"\" for cluster.https_address."));
  BOOST_TEST(!http::for_enable({":1", ""}).ok());
}

BOOST_AUTO_TEST_CASE(a_join_says_where_this_server_is) {
  BOOST_CHECK((*http::for_join({}, "a") == addresses{"a:8443", "a:8443"}));
  BOOST_CHECK((*http::for_join({":8443", ""}, "a") == addresses{":8443", "a:8443"}));
  BOOST_CHECK((*http::for_join({"b:1", ""}, "a:2") == addresses{"b:1", "a:2"}));
  BOOST_TEST(!http::for_join({}, "0.0.0.0").ok());
  BOOST_TEST(!http::for_join({"", "b:1"}, "a:1").ok());
}

BOOST_AUTO_TEST_SUITE_END()
