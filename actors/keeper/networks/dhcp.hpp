#pragma once
#include "actors/keeper/maker.hpp"

namespace muster::keeper {

/// Starts dnsmasq for the bridge, or stops it if none is wanted. It outlives this process.
/// @errors errc::refused if ipv4.dhcp asks for it and it cannot run.
status serve_dhcp(const wish& w);
/// Ends it and removes its leases.
void end_dhcp(const wish& w);

/// An address that was given out.
struct lease {
  std::string hostname;  ///< empty: it said none
  std::string hwaddr;
  std::string address;
};
std::vector<lease> leases_in(const std::string& data_dir, const std::string& network);

}  // namespace muster::keeper
