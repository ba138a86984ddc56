#pragma once
#include "actors/host/net_addresses.hpp"

#include <array>
#include <cstdint>
#include <sys/types.h>

namespace muster::host {

/// As /proc/PID/net/dev counts.
struct net_counts {
  std::uint64_t bytes_received = 0;
  std::uint64_t packets_received = 0;
  std::uint64_t errors_received = 0;
  std::uint64_t dropped_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t packets_sent = 0;
  std::uint64_t errors_sent = 0;
  std::uint64_t dropped_sent = 0;
  bool operator==(const net_counts&) const = default;
};
/// By interface, from the text of /proc/PID/net/dev. Pure.
std::map<std::string, net_counts> parse_net_dev(const std::string& text);

struct net_interface {
  std::vector<net_address> addresses;
  net_counts counts;
  std::string hwaddr;  ///< empty: its namespace cannot be entered
  std::int64_t mtu = 0;
  bool is_up = false;
  bool is_loopback = false;
};
/// The interfaces in the network namespace of a process.
std::map<std::string, net_interface> interfaces_of(pid_t pid);

}  // namespace muster::host
