#pragma once
#include <cstdint>
#include <string_view>

namespace muster::http {

/// Who may ask an endpoint. Whoever has a certificate without bounds, and the unix socket, may ask
/// all of them.
enum class open_to : std::uint8_t {
  anybody,    ///< without a certificate, too
  published,  ///< as `project`; without a certificate the endpoint shows what is public
  token,      ///< whoever presents a token: the endpoint looks at it
  metrics,    ///< certificates for metrics, too
  bounded,    ///< every client; the endpoint leaves out what a bounded one does not see
  project,    ///< of clients with bounds, those that see the project asked for
  listed,     ///< as `project`; a list of all projects has those that they see
  named,      ///< as `project`; its name is in the path
  itself,     ///< of clients with bounds, the one that is asked for
  whole,      ///< no client with bounds
  members     ///< the other members
};

/// A row of the table of endpoints.
struct endpoint {
  std::string_view method;
  std::string_view path;  ///< "/1.0/images/{fingerprint}/export"
  open_to may = open_to::whole;
  /// Of projects: without it the object lies in the default project, and whoever changes it must
  /// see that one.
  std::string_view feature{};
};

}  // namespace muster::http
