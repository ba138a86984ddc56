#include "actors/host/net_interfaces.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster::host;

BOOST_AUTO_TEST_CASE(addresses_are_read_from_what_the_kernel_shows) {
  const auto all = net_addresses(
      "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- "
      "10.1.2.9\n"
      "        /32 host LOCAL\n     |-- 10.1.2.255\n        /32 link BROADCAST\n",
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
      "eth0\t00000000\t0102010A\t0003\t0\t0\t0\t00000000\n"
      "eth0\t0002010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\n",
      "fe8000000000000012666afffe000001 04 40 20 80     eth0\n"
      "00000000000000000000000000000001 01 80 10 80       lo\n");
  BOOST_REQUIRE(all.size() == 2U);
  BOOST_CHECK((all.at("eth0") ==
               std::vector<net_address>{{"inet", "10.1.2.9", "24", "global"},
                                        {"inet6", "fe80::1266:6aff:fe00:1", "64", "link"}}));
  BOOST_CHECK((all.at("lo") == std::vector<net_address>{{"inet", "127.0.0.1", "8", "local"},
                                                        {"inet6", "::1", "128", "local"}}));
  BOOST_CHECK(net_addresses("", "", "damaged").empty());
}

BOOST_AUTO_TEST_CASE(counters_are_read_from_what_the_kernel_shows) {
  const auto all = parse_net_dev(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs "
      "drop\n"
      "    lo:     100       2    0    0    0     0          0         0      100       2    0    "
      "0 0 0 0 0\n"
      "  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
      "  cut: 1 2 3\n");
  BOOST_REQUIRE(all.size() == 2U);
  BOOST_CHECK((all.at("eth0") == net_counts{1, 2, 3, 4, 9, 10, 11, 12}));
  BOOST_CHECK(all.at("lo").bytes_sent == 100U);
}
