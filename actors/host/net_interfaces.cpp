#include "actors/host/net_interfaces.hpp"

#include "storage/identity.hpp"

#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace muster::host {

namespace {

/// A socket of another network namespace: only a thread that ends afterwards may enter one.
int socket_in(pid_t pid) {
  if (pid == ::getpid()) return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int made = -1;
  std::thread([&] {
    const int there =
        ::open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
    if (there < 0) return;
    if (::setns(there, CLONE_NEWNET) == 0) made = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ::close(there);
  }).join();
  return made;
}

void look_at(int socket, const std::string& name, net_interface& into) {
  ifreq ask{};
  std::strncpy(ask.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (::ioctl(socket, SIOCGIFHWADDR, &ask) == 0) {
    char text[18];
    const auto* b = reinterpret_cast<const unsigned char*>(ask.ifr_hwaddr.sa_data);
    std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
                  b[5]);
    into.hwaddr = text;
  }
  if (::ioctl(socket, SIOCGIFMTU, &ask) == 0) into.mtu = ask.ifr_mtu;
  if (::ioctl(socket, SIOCGIFFLAGS, &ask) == 0) {
    into.is_up = (ask.ifr_flags & IFF_UP) != 0;
    into.is_loopback = (ask.ifr_flags & IFF_LOOPBACK) != 0;
  }
  if (into.is_loopback) into.hwaddr.clear();
}

}  // namespace

std::map<std::string, net_counts> parse_net_dev(const std::string& text) {
  std::map<std::string, net_counts> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    const auto first = line.find_first_not_of(' ');
    if (colon == std::string::npos || first >= colon) continue;
    std::istringstream numbers(line.substr(colon + 1));
    net_counts c;
    std::uint64_t other = 0;
    numbers >> c.bytes_received >> c.packets_received >> c.errors_received >> c.dropped_received;
    for (int i = 0; i < 4; ++i) numbers >> other;  // fifo, frame, compressed, multicast
    numbers >> c.bytes_sent >> c.packets_sent >> c.errors_sent >> c.dropped_sent;
    if (numbers) all[line.substr(first, colon - first)] = c;
  }
  return all;
}

std::map<std::string, net_interface> interfaces_of(pid_t pid) {
  const auto shown = [&](const char* file) {
    auto text = storage::read_file("/proc/" + std::to_string(pid) + "/net/" + file);
    return text ? *std::move(text) : std::string{};
  };
  std::map<std::string, net_interface> all;
  for (const auto& [name, counts] : parse_net_dev(shown("dev"))) all[name].counts = counts;
  for (auto& [name, list] : net_addresses(shown("fib_trie"), shown("route"), shown("if_inet6")))
    if (const auto at = all.find(name); at != all.end()) at->second.addresses = list;
  const int socket = socket_in(pid);
  for (auto& [name, i] : all)
    if (socket >= 0) look_at(socket, name, i);
  if (socket >= 0) ::close(socket);
  return all;
}

}  // namespace muster::host
