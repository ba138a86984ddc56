#include "tools/load/wire.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace muster::load {

namespace {

[[noreturn]] void give_up(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

int dial_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up(path);
  return fd;
}

int dial_tcp(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) give_up(host);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int code = ::connect(fd, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  if (code != 0) give_up(host + ":" + port);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

target target::parse(std::string_view text) {
  const auto first = text.find(':');
  target t;
  t.scheme = text.substr(0, first);
  const auto rest = first == std::string_view::npos ? "" : text.substr(first + 1);
  if (t.scheme == "unix") {
    t.host = rest;
    return t;
  }
  const auto last = rest.rfind(':');
  if ((t.scheme != "tcp" && t.scheme != "tls") || last == std::string_view::npos)
    throw std::runtime_error("not unix:PATH, tcp:HOST:PORT or tls:HOST:PORT: " + std::string(text));
  t.host = rest.substr(0, last);
  t.port = rest.substr(last + 1);
  return t;
}

credentials::credentials(const std::string& certificate, const std::string& key,
                         std::string_view alpn)
    : context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_read_ahead(context_, 1);  // head and body of a record by one call
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const auto offered = std::string(1, static_cast<char>(alpn.size())) + std::string(alpn);
  SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>(offered.data()),
                          static_cast<unsigned>(offered.size()));
  if (certificate.empty()) return;
  if (SSL_CTX_use_certificate_file(context_, certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error("cannot use " + certificate + " with " + key);
}

credentials::~credentials() { SSL_CTX_free(context_); }

wire::wire(const target& to, const credentials& with) {
  fd_ = to.scheme == "unix" ? dial_unix(to.host) : dial_tcp(to.host, to.port);
  if (to.scheme == "tls") connect_tls(with);
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

void wire::connect_tls(const credentials& with) {
  ssl_ = SSL_new(with.context());
  SSL_set_fd(ssl_, fd_);
  if (SSL_connect(ssl_) != 1) throw std::runtime_error("the TLS handshake failed");
}

wire::~wire() {
  SSL_free(ssl_);
  ::close(fd_);
}

bool wire::fill() {
  char part[32768];
  if (ssl_ == nullptr) {
    const auto n = ::read(fd_, part, sizeof part);
    if (n > 0) in.append(part, static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) is_open_ = false;
    return n > 0;
  }
  ERR_clear_error();
  const int n = SSL_read(ssl_, part, sizeof part);
  if (n > 0) in.append(part, static_cast<std::size_t>(n));
  if (n <= 0 && SSL_get_error(ssl_, n) != SSL_ERROR_WANT_READ) is_open_ = false;
  return n > 0;
}

bool wire::flush() {
  std::size_t sent = 0;
  while (is_open_ && sent < out.size()) {
    if (ssl_ == nullptr) {
      const auto n = ::send(fd_, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      if (n > 0)
        sent += static_cast<std::size_t>(n);
      else if (errno == EAGAIN)
        break;
      else
        is_open_ = errno == EINTR;
      continue;
    }
    ERR_clear_error();
    const int n = SSL_write(ssl_, out.data() + sent, static_cast<int>(out.size() - sent));
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
      continue;
    }
    if (SSL_get_error(ssl_, n) == SSL_ERROR_WANT_WRITE) break;
    is_open_ = false;
  }
  out.erase(0, sent);
  return out.empty();
}

}  // namespace muster::load
