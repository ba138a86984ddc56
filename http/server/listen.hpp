#pragma once
#include "schemas/basic/result.hpp"

#include <string>

struct sockaddr_storage;

namespace muster::http {

struct listening {
  int fd = -1;
  int port = 0;
};
/// Host may be a wildcard; port 0 takes a free one. Accepted sockets have no Nagle delay.
result<listening> open_tcp(const std::string& host_port);
/// Takes the place of a socket that is there.
result<listening> open_unix(const std::string& path);
/// host:port, or "@" for a unix socket.
std::string address_of(const sockaddr_storage& from);

}  // namespace muster::http
