#pragma once
#include <map>
#include <string>
#include <vector>

/// Addresses of a network namespace, from the texts that /proc shows of it. Pure.
namespace muster::host {

struct net_address {
  std::string family;  ///< inet or inet6
  std::string address;
  std::string netmask;  ///< bits
  std::string scope;    ///< local, link or global
  bool operator==(const net_address&) const = default;
};

/// By interface. @param routes net/route: tells which interface an IPv4 address is of.
std::map<std::string, std::vector<net_address>> net_addresses(const std::string& fib_trie,
                                                              const std::string& routes,
                                                              const std::string& if_inet6);

}  // namespace muster::host
