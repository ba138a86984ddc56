#include "actors/host/net_addresses.hpp"

#include <arpa/inet.h>
#include <bit>
#include <cstdio>
#include <set>
#include <sstream>

namespace muster::host {

namespace {

struct ip_route {
  std::string interface;
  unsigned destination = 0;  ///< both as the kernel shows them: network order
  unsigned mask = 0;
};

std::vector<ip_route> routes_in(const std::string& text) {
  std::vector<ip_route> all;
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    ip_route r;
    std::string gateway;
    std::string flags;
    std::string skipped;
    std::string mask;
    std::string destination;
    fields >> r.interface >> destination >> gateway >> flags >> skipped >> skipped >> skipped >>
        mask;
    if (mask.empty() || gateway != "00000000") continue;
    r.destination = static_cast<unsigned>(std::strtoul(destination.c_str(), nullptr, 16));
    r.mask = static_cast<unsigned>(std::strtoul(mask.c_str(), nullptr, 16));
    all.push_back(r);
  }
  return all;
}

/// Addresses that are this namespace's own.
std::set<std::string> own_addresses(const std::string& fib_trie) {
  std::set<std::string> all;
  std::istringstream lines(fib_trie);
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (const auto at = line.find("|-- "); at != std::string::npos) last = line.substr(at + 4);
    if (line.find("/32 host LOCAL") != std::string::npos) all.insert(last);
  }
  return all;
}

std::string scope_of(unsigned number) {
  if (number == 0x10) return "local";
  return number == 0x20 ? "link" : "global";
}

}  // namespace

std::map<std::string, std::vector<net_address>> net_addresses(const std::string& fib_trie,
                                                              const std::string& routes,
                                                              const std::string& if_inet6) {
  std::map<std::string, std::vector<net_address>> all;
  const auto ways = routes_in(routes);
  for (const auto& address : own_addresses(fib_trie)) {
    if (address.starts_with("127.")) {
      all["lo"].push_back({"inet", address, "8", "local"});
      continue;
    }
    in_addr number{};
    if (::inet_pton(AF_INET, address.c_str(), &number) != 1) continue;
    const ip_route* best = nullptr;
    for (const auto& r : ways)
      if ((number.s_addr & r.mask) == r.destination &&
          (!best || std::popcount(r.mask) > std::popcount(best->mask)))
        best = &r;
    if (best)
      all[best->interface].push_back(
          {"inet", address, std::to_string(std::popcount(best->mask)), "global"});
  }
  std::istringstream lines(if_inet6);
  for (std::string line; std::getline(lines, line);) {
    char digits[33] = "";
    char name[32] = "";
    unsigned bits = 0;
    unsigned scope = 0;
    if (std::sscanf(line.c_str(), "%32s %*x %x %x %*x %31s", digits, &bits, &scope, name) != 4)
      continue;
    in6_addr number{};
    for (int i = 0; i < 16; ++i) {
      unsigned byte = 0;
      std::sscanf(digits + 2 * i, "%2x", &byte);
      number.s6_addr[i] = static_cast<unsigned char>(byte);
    }
    char shown[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET6, &number, shown, sizeof shown);
    all[name].push_back({"inet6", shown, std::to_string(bits), scope_of(scope)});
  }
  return all;
}

}  // namespace muster::host
