#pragma once
#include "schemas/result.hpp"

#include <functional>
#include <memory>

namespace muster::tls {
class stream;
}

namespace muster::link {

/// ONE thread that carries bytes between authenticated streams, or from one to a socket that BASP
/// reads: all streams of a member, both ways, bounded buffers. Thread-safe.
class pump {
public:
  pump();
  ~pump();
  pump(const pump&) = delete;
  pump& operator=(const pump&) = delete;

  struct adopted {
    int fd = -1;  ///< BASP's end; the caller owns it
    std::uint64_t id = 0;
  };
  /// `on_close` is called once, on the pump's thread, when either end has closed; must not block.
  result<adopted> adopt(std::shared_ptr<tls::stream> stream,
                        std::function<void(std::uint64_t id)> on_close);
  /// Carries bytes between two streams until either ends.
  void join(std::shared_ptr<tls::stream> a, std::shared_ptr<tls::stream> b);
  void close(std::uint64_t id);
  [[nodiscard]] std::size_t open_streams() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace muster::link
