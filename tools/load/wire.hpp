#pragma once
#include <memory>
#include <string>
#include <string_view>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace muster::load {

/// Where the load goes: "unix:PATH", "tcp:HOST:PORT" or "tls:HOST:PORT".
struct target {
  std::string scheme;
  std::string host;  ///< the path of a unix socket
  std::string port;

  static target parse(std::string_view text);
};

/// Shared by all connections: client certificate and protocol offered. Whoever answers is believed.
class credentials {
public:
  credentials(const std::string& certificate, const std::string& key, std::string_view alpn);
  ~credentials();
  credentials(const credentials&) = delete;
  credentials& operator=(const credentials&) = delete;
  [[nodiscard]] SSL_CTX* context() const { return context_; }

private:
  SSL_CTX* context_;
};

/// One connection with its bytes to write and bytes read. Connects waiting, then never waits.
class wire {
public:
  wire(const target& to, const credentials& with);
  ~wire();
  wire(const wire&) = delete;
  wire& operator=(const wire&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool is_open() const { return is_open_; }
  /// Reads what is there into `in`. False: nothing came.
  bool fill();
  /// Writes `out` as far as it goes. True: all of it left.
  bool flush();

  std::string in;
  std::string out;

private:
  void connect_tls(const credentials& with);

  int fd_ = -1;
  SSL* ssl_ = nullptr;
  bool is_open_ = true;
};

}  // namespace muster::load
