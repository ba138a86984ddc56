#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace muster::load {

/// What is asked, with blanks that each request fills in: %c the client's number (4 digits), %n a
/// number that no other request of this run has (12 digits), %v the value, %b the value in base64.
struct question {
  std::string protocol;  ///< http, grpc or raw
  std::string method;    ///< of HTTP; for grpc: put, get or sget
  std::string path;      ///< of HTTP; for grpc: the key
  std::string body;
  std::size_t value_bytes = 256;
};

/// `text` with its blanks filled in.
std::string filled(const std::string& text, const question& q, int client, std::uint64_t number);

enum class answer : unsigned char { none, good, refused, broken };

/// One side of one connection's protocol. One question at a time.
class speaker {
public:
  virtual ~speaker() = default;
  virtual void greet(std::string& out) = 0;
  virtual void ask(std::string& out, std::uint64_t number) = 0;
  /// Takes what came off `in`; what the protocol itself wants said goes to `out`.
  virtual answer take(std::string& in, std::string& out) = 0;
  /// Of the last answer, for the reader of an error.
  [[nodiscard]] virtual std::string shown() const = 0;
};

std::unique_ptr<speaker> make_http(const question& q, int client);
std::unique_ptr<speaker> make_grpc(const question& q, int client, bool is_tls);
std::unique_ptr<speaker> make_raw(const question& q);

}  // namespace muster::load
