#pragma once
#include "actors/link/tls/tls_stream.hpp"

#include <functional>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace muster::tests {

/// A TLS listener on loopback that hands each authenticated stream on.
class tls_listener {
public:
  tls_listener(const tls::pem_pair& own, std::function<void(std::shared_ptr<tls::stream>)> take)
      : take_(std::move(take)) {
    (void)contexts_.set(own, own).ok();
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&at), size);
    ::listen(fd_, 64);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~tls_listener() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  tls_listener(const tls_listener&) = delete;
  tls_listener& operator=(const tls_listener&) = delete;
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

private:
  void run() {
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) return;
      auto stream = std::make_shared<tls::stream>(fd, contexts_.make_ssl(fd));
      if (stream->handshake(tls::clock::now() + std::chrono::seconds(3))) take_(std::move(stream));
    }
  }

  tls::server_contexts contexts_;
  std::function<void(std::shared_ptr<tls::stream>)> take_;
  int fd_ = -1;
  int port_ = 0;
  std::thread thread_;
};

}  // namespace muster::tests
