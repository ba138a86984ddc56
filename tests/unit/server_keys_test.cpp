#include "http/config/server_keys.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;

namespace {

std::string refused(const string_map& sent) {
  const auto checked = http::checked_config(sent);
  return checked ? "" : checked.error().detail;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(server_keys)

BOOST_AUTO_TEST_CASE(keys_are_sorted_by_whose_they_are_and_defaults_are_unset) {
  const auto c = http::checked_config({{"user.a", "b"},
                                       {"cluster.max_voters", "5"},
                                       {"cluster.max_standby", "2"},
                                       {"core.metrics_address", ":8444"},
                                       {"core.syslog_socket", "no"},
                                       {"images.auto_update_cached", "off"},
                                       {"core.https_address", "10.0.0.1"}});
  BOOST_REQUIRE(c.ok());
  BOOST_CHECK(c->global == (string_map{{"user.a", "b"},
                                       {"cluster.max_voters", "5"},
                                       {"cluster.max_standby", ""},
                                       {"images.auto_update_cached", "false"}}));
  BOOST_CHECK(c->own ==
              (string_map{{"core.metrics_address", ":8444"}, {"core.syslog_socket", ""}}));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_said_as_incus_says_it) {
  const std::pair<string_map, std::string> cases[] = {
      {{{"bogus.key", "a"}}, "cannot set 'bogus.key' to 'a': unknown key"},
      {{{"a", "b"}, {"c", "d"}, {"e", "f"}}, "unknown key (and 2 more errors)"},
      {{{"cluster.max_voters", "4"}}, "Value must be an odd number equal to or higher than 3"},
      {{{"cluster.max_voters", "x"}}, "Value is not a number"},
      {{{"cluster.max_standby", "6"}}, "Value must be between 0 and 5"},
      {{{"cluster.offline_threshold", "9"}}, "Value must be between 10"},
      {{{"cluster.offline_threshold", ""}, {"x", "y"}}, "unknown key"},
      {{{"cluster.images_minimal_replica", "0"}}, "Invalid value for image replica count"},
      {{{"cluster.join_token_expiry", "3x"}}, "Invalid expiry expression"},
      {{{"cluster.rebalance.threshold", "9"}}, "Value must be between 10 and 100"},
      {{{"core.shutdown_action", "no"}}, "not one of [shutdown evacuate]"},
      {{{"core.bgp_routerid", "1.2.3"}}, "Not an IPv4 address"},
      {{{"core.metrics_address", "a:70000"}}, "Not a port"},
      {{{"storage.images_volume", "pool"}}, "must be <pool>/<volume>"},
      {{{"core.trust_ca_certificates", "maybe"}}, "Invalid value for a boolean"},
  };
  for (const auto& [sent, text] : cases)
    BOOST_CHECK_MESSAGE(refused(sent).find(text) != std::string::npos, refused(sent));
  BOOST_TEST(refused({{"cluster.offline_threshold", "10"}, {"core.metrics_address", "[::]:8444"}})
                 .empty());
}

BOOST_AUTO_TEST_CASE(expiries) {
  BOOST_TEST(*http::expiry_ms("3H") == 3U * 3600 * 1000);
  BOOST_TEST(*http::expiry_ms("1d 30M") == (86'400U + 1800) * 1000);
  for (const char* bad : {"", "H", "3", "3H 2H", "-1H", "3 H", "99999999999999999999S"})
    BOOST_TEST(!http::expiry_ms(bad).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
