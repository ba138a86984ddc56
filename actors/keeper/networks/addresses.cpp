#include "actors/keeper/networks/addresses.hpp"

#include <cstdio>

namespace muster::keeper {

std::optional<subnet> parse_subnet(const std::string& text) {
  unsigned part[4] = {};
  unsigned bits = 0;
  int end = 0;
  if (std::sscanf(text.c_str(), "%3u.%3u.%3u.%3u/%2u%n", &part[0], &part[1], &part[2], &part[3],
                  &bits, &end) != 5 ||
      static_cast<std::size_t>(end) != text.size() || bits < 1 || bits > 30)
    return std::nullopt;
  subnet net;
  net.bits = bits;
  for (const unsigned p : part) {
    if (p > 255) return std::nullopt;
    net.address = net.address << 8 | p;
  }
  return net;
}

std::string dotted(unsigned address) {
  return std::to_string(address >> 24) + "." + std::to_string(address >> 16 & 255) + "." +
         std::to_string(address >> 8 & 255) + "." + std::to_string(address & 255);
}

lease_range leases_of(const subnet& net) {
  lease_range all{net.network() + 1, (net.network() | ~net.mask()) - 1};
  if (net.address == all.first) ++all.first;
  if (net.address == all.last) --all.last;
  if (net.address > all.first && net.address < all.last) all.first = net.address + 1;
  return all;
}

}  // namespace muster::keeper
