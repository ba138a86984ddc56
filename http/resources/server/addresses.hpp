#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/records.hpp"

/// Where a server listens: core.https_address and cluster.https_address. Pure.
namespace muster::http {

struct addresses {
  std::string core;     ///< for clients; may be a wildcard
  std::string cluster;  ///< for members, and for clients too; none if standalone
  bool operator==(const addresses&) const = default;
};

/// host:port with the port always there; IPv6 in brackets. @errors errc::bad_request
result<std::string> checked_address(const std::string& text);
bool is_wildcard(const std::string& address);
/// Whether who listens on `wide` hears what is sent to `narrow`.
bool covers(const std::string& wide, const std::string& narrow);
/// Which listeners that takes.
std::vector<std::string> listeners_of(const addresses& a);
/// What is told to others: an address they can dial, if there is one.
std::string dialled(const addresses& a);

/// Keys of a PUT or PATCH; those that are not address keys are not looked at. @param is_whole a key
/// that is not sent is unset. @errors errc::bad_request in Incus's words.
result<addresses> after_config(addresses now, const string_map& sent, bool is_whole,
                               bool clustered);
/// @errors errc::refused: there is nothing that members could dial.
result<addresses> for_enable(addresses now);
/// @param server_address where this server is to be found by the others.
result<addresses> for_join(addresses now, const std::string& server_address);

}  // namespace muster::http
