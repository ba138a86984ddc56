#pragma once
#include "schemas/records.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::http {

/// A parsed request body: an object with typed getters. A field that is missing or null is absent;
/// one of another type is errc::bad_request with its name, kept in `error()` so that getters can be
/// chained.
class json_object {
public:
  /// @errors errc::bad_request with the position of what is wrong; errc::too_large
  static result<json_object> parse(std::string_view text);

  [[nodiscard]] std::string text(std::string_view field, std::string_view otherwise = {}) const;
  [[nodiscard]] std::optional<std::string> maybe_text(std::string_view field) const;
  [[nodiscard]] bool flag(std::string_view field, bool otherwise = false) const;
  [[nodiscard]] std::int64_t number(std::string_view field, std::int64_t otherwise = 0) const;
  [[nodiscard]] std::optional<string_map> map(std::string_view field) const;
  [[nodiscard]] std::optional<device_map> devices(std::string_view field) const;
  [[nodiscard]] std::optional<std::vector<std::string>> list(std::string_view field) const;
  [[nodiscard]] std::optional<std::vector<json_object>> objects(std::string_view field) const;
  /// Empty object if absent.
  [[nodiscard]] json_object object(std::string_view field) const;
  [[nodiscard]] bool has(std::string_view field) const;
  [[nodiscard]] std::vector<std::string> names() const;
  /// First field that was of the wrong type, if one was.
  [[nodiscard]] status good() const;

private:
  struct impl;
  explicit json_object(std::shared_ptr<impl> i) : impl_(std::move(i)) {}
  std::shared_ptr<impl> impl_;
};

/// The value at a dotted path of a JSON text, as text; none if there is none. For filters.
std::optional<std::string> json_at(std::string_view json, std::string_view dotted);

}  // namespace muster::http
