#pragma once
#include "actors/link/tls/tls_identity.hpp"
#include "schemas/basic/result.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace muster::tls {

using clock = std::chrono::steady_clock;

/// The name by which a member asks for another member's own certificate.
constexpr const char* member_name = "member.muster";

enum class io : unsigned char { done, wants_read, wants_write, closed };

/// A connected socket with or without TLS, non-blocking. One reader and any number of writers at a
/// time; the lock is held only during calls that do not wait.
class stream {
public:
  /// Owns both. `ssl` null: plain (unix socket).
  stream(int fd, SSL* ssl);
  ~stream();
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] SSL* ssl() const { return ssl_; }

  io try_handshake();
  /// `taken` bytes were read; closed also at the end of the stream.
  io try_read(char* to, std::size_t size, std::size_t& taken);
  io try_write(const char* from, std::size_t size, std::size_t& given);
  /// Bytes that TLS has already taken off the socket: no event will tell of them.
  [[nodiscard]] bool has_pending();

  status handshake(clock::time_point deadline);
  /// 0: the peer has closed. @errors errc::timed_out, errc::unavailable
  result<std::size_t> read(char* to, std::size_t size, clock::time_point deadline);
  status write_all(std::string_view bytes, clock::time_point deadline);
  /// Wakes everybody who waits on it.
  void shutdown();
  /// The peer reads the end of what was written; what it sends can still be read.
  void end_writing();

  /// Bytes read too far by whoever parsed the head; the next read gives them first.
  void push_back(std::string bytes);

  // After the handshake.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }
  [[nodiscard]] const std::string& certificate() const { return certificate_; }
  [[nodiscard]] std::string asked_name() const;

private:
  bool wait(io what, clock::time_point deadline) const;
  io map_error(int code) const;
  void learn_peer();

  int fd_;
  SSL* ssl_;
  std::mutex lock_;
  std::mutex write_lock_;
  std::string pushed_back_;
  std::string fingerprint_;
  std::string certificate_;
};

/// What a member shows to those who connect; may be replaced while it serves.
class server_contexts {
public:
  server_contexts();
  ~server_contexts();
  /// `for_clients` is shown to everybody, `own` to those who ask for member.muster.
  status set(const pem_pair& for_clients, const pem_pair& own);
  /// For an accepted socket; owned by the stream it goes into.
  [[nodiscard]] SSL* make_ssl(int fd) const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

struct dial_options {
  std::string host_port;
  std::string server_name;         ///< SNI; empty: none
  std::string pinned_fingerprint;  ///< empty: any, the caller looks at it
  const pem_pair* own = nullptr;   ///< client certificate
  clock::time_point deadline;
};
/// Connects and authenticates. @errors errc::unavailable, errc::timed_out, errc::forbidden for a
/// wrong pin.
result<std::shared_ptr<stream>> dial(const dial_options& with);
result<std::shared_ptr<stream>> dial_unix(const std::string& path, clock::time_point deadline);

/// host and port of "host:port" or "[v6]:port"; port 8443 if none is given.
std::pair<std::string, std::string> split_address(const std::string& host_port);
/// With the port always there, IPv6 in brackets.
std::string canonical_address(const std::string& host_port);

}  // namespace muster::tls
