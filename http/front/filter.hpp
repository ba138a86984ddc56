#pragma once
#include "schemas/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace muster::http {

/// Incus's `filter=`: clauses `[not] field eq|ne value` joined by and/or, left to right; values may
/// be quoted. An empty filter lets everything through.
class filter {
public:
  /// @errors errc::bad_request
  static result<filter> parse(std::string_view text);
  [[nodiscard]] bool accepts(std::string_view object_json) const;

private:
  struct clause {
    bool is_or = false;  ///< joined to what is before by "or"
    bool is_not = false;
    std::string field;
    bool is_equal = true;
    std::string value;
  };
  std::vector<clause> clauses_;
};

}  // namespace muster::http
