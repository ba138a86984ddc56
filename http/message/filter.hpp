#pragma once
#include "schemas/basic/result.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muster::http {

/// Incus's `filter=`: clauses `[not] field eq|ne value` and groups in brackets, joined by and/or,
/// left to right. A value is a regular expression of Go that fits the whole field unless it says
/// `^` or `$`; letters of either case are alike; it may be quoted. An empty filter lets everything
/// through.
class filter {
public:
  /// @errors errc::bad_request
  static result<filter> parse(std::string_view text);
  [[nodiscard]] bool accepts(std::string_view object_json) const;

private:
  struct part;
  struct parser;
  std::vector<std::shared_ptr<const part>> parts_;
  static bool holds(const std::vector<std::shared_ptr<const part>>& parts, std::string_view json);
};

}  // namespace muster::http
