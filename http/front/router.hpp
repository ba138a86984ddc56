#pragma once
#include "http/front/message.hpp"

#include <functional>
#include <memory>

namespace muster::http {

/// A quick route never blocks: its handler may run in the front's loop.
enum class pace : std::uint8_t { slow, quick };

/// Which function answers which path. Filled at start, then only read.
class router {
public:
  /// `pattern` like "/1.0/images/{fingerprint}/export".
  void add(const std::string& method, const std::string& pattern, handler h, pace how = pace::slow);
  /// Unknown path: 404 "not found"; known path, other method: 501 "not implemented".
  [[nodiscard]] response dispatch(request& r) const;
  [[nodiscard]] bool knows(const request& r) const { return find(r.segments).first != nullptr; }
  /// What it looks up stays in the request.
  [[nodiscard]] bool is_quick(request& r) const;

private:
  struct route {
    std::vector<std::string> parts;
    struct target {
      handler run;
      pace how = pace::slow;
    };
    std::map<std::string, target> by_method;
  };
  static bool matches(const route& r, const std::vector<std::string>& segments, captures& found);
  [[nodiscard]] std::pair<const route*, captures> find(
      const std::vector<std::string>& segments) const;
  std::vector<route> routes_;
};

}  // namespace muster::http
