#pragma once
#include "http/front/message.hpp"

#include <functional>
#include <memory>

namespace muster::http {

/// What the `{name}` parts of a route matched, by name; `{name...}` takes all that is left.
using captures = std::map<std::string, std::string>;
using handler = std::function<response(const request&, const captures&)>;

/// Which function answers which path. Filled at start, then only read.
class router {
public:
  /// `pattern` like "/1.0/images/{fingerprint}/export".
  void add(const std::string& method, const std::string& pattern, handler h);
  /// Unknown path: 404 "not found"; known path, other method: 501 "not implemented".
  [[nodiscard]] response dispatch(const request& r) const;

private:
  struct route {
    std::vector<std::string> parts;
    std::map<std::string, handler> by_method;
  };
  static bool matches(const route& r, const std::vector<std::string>& segments, captures& found);
  std::vector<route> routes_;
};

}  // namespace muster::http
