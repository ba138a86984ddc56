#pragma once
#include "http/message/message.hpp"
#include "http/routing/endpoint.hpp"

#include <functional>
#include <memory>
#include <span>

namespace muster::http {

/// A quick route never blocks: its handler may run in the front's loop.
enum class pace : std::uint8_t { slow, quick };

/// What answers one method of one path.
struct route {
  const endpoint* row;
  handler run;
  pace how;
};

/// Which function answers which path. Filled at start, then only read.
class router {
public:
  explicit router(std::span<const endpoint> table) : table_(table) {}
  /// `path` like "/1.0/images/{fingerprint}/export". Ends the process if it is no row of the table.
  void add(std::string_view method, std::string_view path, handler h, pace how = pace::slow);
  /// Ends the process if a row has no handler.
  void check_whole() const;
  /// What it finds stays in the request.
  void look_up(request& r) const;
  /// Of a request that was looked up. Unknown path: 404 "not found"; known path, other method: 501
  /// "not implemented".
  [[nodiscard]] static response dispatch(const request& r);

private:
  struct place {
    std::vector<std::string> parts;
    std::map<std::string, route, std::less<>> by_method;
  };
  static bool matches(const place& p, const std::vector<std::string>& segments, captures& found);
  std::span<const endpoint> table_;
  std::vector<place> places_;
};

}  // namespace muster::http
