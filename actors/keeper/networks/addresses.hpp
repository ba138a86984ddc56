#pragma once
#include <optional>
#include <string>

/// IPv4 arithmetic for bridges. Pure.
namespace muster::keeper {

struct subnet {
  unsigned address = 0;  ///< of the bridge, host order
  unsigned bits = 24;
  [[nodiscard]] unsigned mask() const { return bits == 0 ? 0 : ~0U << (32 - bits); }
  [[nodiscard]] unsigned network() const { return address & mask(); }
};

/// "10.1.2.1/24"; none if it is something else.
std::optional<subnet> parse_subnet(const std::string& text);
std::string dotted(unsigned address);
/// First and last address that DHCP gives out: all but the bridge's own.
struct lease_range {
  unsigned first = 0;
  unsigned last = 0;
};
lease_range leases_of(const subnet& net);

}  // namespace muster::keeper
