#pragma once
#include <memory>
#include <string>

namespace muster::tls {
class stream;
}

namespace muster::link {

/// ONE thread that carries bytes between pairs of authenticated streams, both ways, with bounded
/// buffers. Thread-safe.
class pump {
public:
  pump();
  ~pump();
  pump(const pump&) = delete;
  pump& operator=(const pump&) = delete;

  /// Carries bytes between two streams until either ends. @param of the certificate it is done for.
  void join(std::shared_ptr<tls::stream> a, std::shared_ptr<tls::stream> b, std::string of);
  /// Nothing more is carried for this certificate.
  void cut_off(const std::string& fingerprint);
  [[nodiscard]] std::size_t pairs() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace muster::link
