#pragma once
#include <memory>

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

  /// Carries bytes between two streams until either ends.
  void join(std::shared_ptr<tls::stream> a, std::shared_ptr<tls::stream> b);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace muster::link
