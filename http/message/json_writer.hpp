#pragma once
#include "schemas/records.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::http {

/// Appends JSON to a string. Strings are escaped as Go's encoder does (also <, > and &).
class json_writer {
public:
  json_writer& begin_object();
  json_writer& end_object();
  json_writer& begin_array();
  json_writer& end_array();
  json_writer& key(std::string_view name);
  json_writer& value(std::string_view text);
  json_writer& value(const std::string& text) { return value(std::string_view(text)); }
  json_writer& value(const char* text) { return value(std::string_view(text)); }
  json_writer& value(bool b);
  json_writer& value(std::int64_t n);
  json_writer& value(std::uint64_t n);
  json_writer& value(int n) { return value(static_cast<std::int64_t>(n)); }
  json_writer& null();
  /// Text that is JSON already.
  json_writer& raw(std::string_view json);
  json_writer& value(const string_map& map);
  json_writer& value(const device_map& map);
  json_writer& value(const std::vector<std::string>& list);
  template <class T>
  json_writer& field(std::string_view name, const T& v) {
    key(name);
    return value(v);
  }

  [[nodiscard]] const std::string& text() const { return out_; }
  [[nodiscard]] std::string take() { return std::move(out_); }

private:
  void separate();
  void quote(std::string_view text);
  std::string out_;
  bool comma_ = false;
};

}  // namespace muster::http
