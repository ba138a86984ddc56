#include "actors/link/tls/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace muster::tls {

namespace {

struct free_context {
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
};
using context_ptr = std::shared_ptr<SSL_CTX>;

/// What follows the certificate in the same PEM is its chain.
bool use_chain(SSL_CTX* context, BIO* bio) {
  bool good = true;
  while (good) {
    X509* next = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    if (!next) break;
    good = SSL_CTX_add1_chain_cert(context, next) == 1;
    X509_free(next);
  }
  ERR_clear_error();  // the end of the text is one
  return good;
}

bool use_pair(SSL_CTX* context, const pem_pair& pair) {
  BIO* certificates =
      BIO_new_mem_buf(pair.certificate.data(), static_cast<int>(pair.certificate.size()));
  X509* certificate = PEM_read_bio_X509(certificates, nullptr, nullptr, nullptr);
  BIO* bio = BIO_new_mem_buf(pair.key.data(), static_cast<int>(pair.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  const bool good = certificate && key && SSL_CTX_use_certificate(context, certificate) == 1 &&
                    SSL_CTX_use_PrivateKey(context, key) == 1 && use_chain(context, certificates);
  BIO_free(certificates);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return good;
}

/// Any certificate is let in: who it belongs to is decided by its fingerprint afterwards.
int accept_any(int, X509_STORE_CTX*) { return 1; }

context_ptr make_context(const SSL_METHOD* method) {
  context_ptr context(SSL_CTX_new(method), free_context{});
  MUSTER_ENSURE(context != nullptr, "no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);  // of idle connections
  SSL_CTX_set_read_ahead(context.get(), 1);  // a record's head and body by one call
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, accept_any);
  return context;
}

failure system_error(errc code, const std::string& what) {
  return fail(code, what + ": " + std::strerror(errno));
}

}  // namespace

stream::stream(int fd, SSL* ssl) : fd_(fd), ssl_(ssl) {}

stream::~stream() {
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }
  ::close(fd_);
}

void stream::shutdown() { ::shutdown(fd_, SHUT_RDWR); }

void stream::end_writing() {
  const std::lock_guard guard(lock_);
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
  ::shutdown(fd_, SHUT_WR);
}

void stream::push_back(std::string bytes) {
  const std::lock_guard guard(lock_);
  pushed_back_.insert(0, bytes);
}

io stream::map_error(int code) const {
  switch (SSL_get_error(ssl_, code)) {
    case SSL_ERROR_WANT_READ:
      return io::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return io::wants_write;
    default:
      return io::closed;
  }
}

io stream::try_handshake() {
  if (!ssl_) return io::done;
  const std::lock_guard guard(lock_);
  ERR_clear_error();
  const int r = SSL_do_handshake(ssl_);
  if (r != 1) return map_error(r);
  learn_peer();
  return io::done;
}

void stream::learn_peer() {
  X509* peer = SSL_get1_peer_certificate(ssl_);
  if (!peer) return;
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, peer);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  certificate_.assign(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  X509_free(peer);
  fingerprint_ = *fingerprint_of(certificate_);
}

std::string stream::asked_name() const {
  const char* name = ssl_ ? SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name) : nullptr;
  return name ? name : "";
}

io stream::try_read(char* to, std::size_t size, std::size_t& taken) {
  taken = 0;
  const std::lock_guard guard(lock_);
  if (!pushed_back_.empty()) {
    taken = std::min(size, pushed_back_.size());
    std::memcpy(to, pushed_back_.data(), taken);
    pushed_back_.erase(0, taken);
    return io::done;
  }
  if (ssl_) {
    ERR_clear_error();
    const int r = SSL_read(ssl_, to, static_cast<int>(std::min<std::size_t>(size, 1u << 30)));
    if (r <= 0) return map_error(r);
    taken = static_cast<std::size_t>(r);
    return io::done;
  }
  const auto r = ::recv(fd_, to, size, MSG_DONTWAIT);
  if (r > 0) {
    taken = static_cast<std::size_t>(r);
    return io::done;
  }
  return r < 0 && (errno == EAGAIN || errno == EINTR) ? io::wants_read : io::closed;
}

io stream::try_write(const char* from, std::size_t size, std::size_t& given) {
  given = 0;
  if (size == 0) return io::done;
  const std::lock_guard guard(lock_);
  if (ssl_) {
    ERR_clear_error();
    const int r = SSL_write(ssl_, from, static_cast<int>(std::min<std::size_t>(size, 1u << 30)));
    if (r <= 0) return map_error(r);
    given = static_cast<std::size_t>(r);
    return io::done;
  }
  const auto r = ::send(fd_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (r >= 0) {
    given = static_cast<std::size_t>(r);
    return io::done;
  }
  return errno == EAGAIN || errno == EINTR ? io::wants_write : io::closed;
}

bool stream::has_pending() {
  const std::lock_guard guard(lock_);
  return !pushed_back_.empty() || (ssl_ && SSL_has_pending(ssl_) == 1);
}

bool stream::wait(io what, clock::time_point deadline) const {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0) return false;
    pollfd p{fd_, static_cast<short>(what == io::wants_write ? POLLOUT : POLLIN), 0};
    const int r = ::poll(&p, 1, static_cast<int>(std::min<long long>(left + 1, 60'000)));
    if (r > 0) return true;
    if (r < 0 && errno != EINTR) return false;
  }
}

status stream::handshake(clock::time_point deadline) {
  for (;;) {
    const io got = try_handshake();
    if (got == io::done) return ok();
    if (got == io::closed) return fail(errc::unavailable, "the TLS handshake failed");
    if (!wait(got, deadline)) return fail(errc::timed_out, "the TLS handshake took too long");
  }
}

result<std::size_t> stream::read(char* to, std::size_t size, clock::time_point deadline) {
  for (;;) {
    std::size_t taken = 0;
    const io got = try_read(to, size, taken);
    if (got == io::done) return taken;
    if (got == io::closed) return std::size_t{0};
    if (!wait(got, deadline)) return fail(errc::timed_out, "no answer in time");
  }
}

status stream::write_all(std::string_view bytes, clock::time_point deadline) {
  const std::lock_guard whole(write_lock_);
  while (!bytes.empty()) {
    std::size_t given = 0;
    const io got = try_write(bytes.data(), bytes.size(), given);
    bytes.remove_prefix(given);
    if (got == io::done) continue;
    if (got == io::closed) return fail(errc::unavailable, "the connection was closed");
    if (!wait(got, deadline)) return fail(errc::timed_out, "the peer takes no more bytes");
  }
  return ok();
}

struct server_contexts::impl {
  mutable std::mutex lock;
  context_ptr clients;
  context_ptr members;

  static int choose(SSL* ssl, int*, void* self) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name || std::strcmp(name, member_name) != 0) return SSL_TLSEXT_ERR_OK;
    const auto* all = static_cast<const impl*>(self);
    const std::lock_guard guard(all->lock);
    SSL_set_SSL_CTX(ssl, all->members.get());
    SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
    return SSL_TLSEXT_ERR_OK;
  }
};

server_contexts::server_contexts() : impl_(std::make_unique<impl>()) {}
server_contexts::~server_contexts() = default;

status server_contexts::set(const pem_pair& for_clients, const pem_pair& own) {
  auto clients = make_context(TLS_server_method());
  auto members = make_context(TLS_server_method());
  if (!use_pair(clients.get(), for_clients) || !use_pair(members.get(), own))
    return fail(errc::corrupt, "a certificate cannot be used");
  for (const auto& context : {clients, members})  // resumption with a client certificate needs it
    SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("muster"),
                                   6);
  SSL_CTX_set_tlsext_servername_callback(clients.get(), &impl::choose);
  SSL_CTX_set_tlsext_servername_arg(clients.get(), impl_.get());
  const std::lock_guard guard(impl_->lock);
  impl_->clients = std::move(clients);
  impl_->members = std::move(members);
  return ok();
}

SSL* server_contexts::make_ssl(int fd) const {
  const std::lock_guard guard(impl_->lock);
  SSL* ssl = SSL_new(impl_->clients.get());
  SSL_set_fd(ssl, fd);
  SSL_set_accept_state(ssl);
  return ssl;
}

std::pair<std::string, std::string> split_address(const std::string& host_port) {
  constexpr const char* default_port = "8443";
  if (host_port.starts_with('[')) {
    const auto end = host_port.find(']');
    if (end == std::string::npos) return {host_port, default_port};
    const bool has_port = end + 1 < host_port.size() && host_port[end + 1] == ':';
    return {host_port.substr(1, end - 1), has_port ? host_port.substr(end + 2) : default_port};
  }
  const auto colon = host_port.rfind(':');
  if (colon == std::string::npos || host_port.find(':') != colon) return {host_port, default_port};
  return {host_port.substr(0, colon), host_port.substr(colon + 1)};
}

std::string canonical_address(const std::string& host_port) {
  const auto [host, port] = split_address(host_port);
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

namespace {

bool wait_connected(int fd, clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0) return false;
    pollfd p{fd, POLLOUT, 0};
    const int r = ::poll(&p, 1, static_cast<int>(left) + 1);
    if (r < 0 && errno == EINTR) continue;
    if (r <= 0) return false;
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    return error == 0;
  }
}

result<int> connect_any(const std::string& host_port, clock::time_point deadline) {
  const auto [host, port] = split_address(host_port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int r = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); r != 0)
    return fail(errc::unavailable, "cannot resolve " + host + ": " + ::gai_strerror(r));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, ::freeaddrinfo);
  for (const addrinfo* a = all.get(); a; a = a->ai_next) {
    const int fd = ::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) continue;
    const int r = ::connect(fd, a->ai_addr, a->ai_addrlen);
    if (r == 0 || (errno == EINPROGRESS && wait_connected(fd, deadline))) {
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return fd;
    }
    const int error = errno;
    ::close(fd);
    errno = error;
  }
  return system_error(errc::unavailable, "cannot connect to " + host_port);
}

}  // namespace

result<std::shared_ptr<stream>> dial(const dial_options& with) {
  auto fd = connect_any(with.host_port, with.deadline);
  if (!fd) return fd.error();
  const auto context = make_context(TLS_client_method());
  if (with.own && !use_pair(context.get(), *with.own)) {
    ::close(*fd);
    return fail(errc::corrupt, "the own certificate cannot be used");
  }
  SSL* ssl = SSL_new(context.get());
  SSL_set_fd(ssl, *fd);
  SSL_set_connect_state(ssl);
  if (!with.server_name.empty()) SSL_set_tlsext_host_name(ssl, with.server_name.c_str());
  auto made = std::make_shared<stream>(*fd, ssl);
  if (auto shaken = made->handshake(with.deadline); !shaken)
    return fail(shaken.error().code, with.host_port + ": " + shaken.error().detail);
  if (!with.pinned_fingerprint.empty() && made->fingerprint() != with.pinned_fingerprint)
    return fail(errc::forbidden, with.host_port + " shows another certificate than expected");
  return made;
}

result<std::shared_ptr<stream>> dial_unix(const std::string& path, clock::time_point deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(errc::bad_request, path + " is too long");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  (void)deadline;  // a unix socket connects at once or not at all
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    auto why = system_error(errc::unavailable, "cannot connect to " + path);
    ::close(fd);
    return why;
  }
  return std::make_shared<stream>(fd, nullptr);
}

}  // namespace muster::tls
