#include "http/message/json_writer.hpp"

#include <simdjson.h>

#include <charconv>

namespace muster::http {

void json_writer::separate() {
  if (comma_) out_ += ',';
  comma_ = true;
}

json_writer& json_writer::begin_object() {
  separate();
  out_ += '{';
  comma_ = false;
  return *this;
}

json_writer& json_writer::end_object() {
  out_ += '}';
  comma_ = true;
  return *this;
}

json_writer& json_writer::begin_array() {
  separate();
  out_ += '[';
  comma_ = false;
  return *this;
}

json_writer& json_writer::end_array() {
  out_ += ']';
  comma_ = true;
  return *this;
}

json_writer& json_writer::key(std::string_view name) {
  separate();
  quote(name);
  out_ += ':';
  comma_ = false;
  return *this;
}

json_writer& json_writer::value(std::string_view text) {
  separate();
  quote(text);
  return *this;
}

json_writer& json_writer::value(bool b) { return raw(b ? "true" : "false"); }

json_writer& json_writer::value(std::int64_t n) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  return raw({digits, static_cast<std::size_t>(end - digits)});
}

json_writer& json_writer::value(std::uint64_t n) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  return raw({digits, static_cast<std::size_t>(end - digits)});
}

json_writer& json_writer::null() { return raw("null"); }

json_writer& json_writer::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

json_writer& json_writer::value(const string_map& map) {
  begin_object();
  for (const auto& [name, text] : map) field(name, text);
  return end_object();
}

json_writer& json_writer::value(const device_map& map) {
  begin_object();
  for (const auto& [name, device] : map) field(name, device);
  return end_object();
}

json_writer& json_writer::value(const std::vector<std::string>& list) {
  begin_array();
  for (const auto& text : list) value(text);
  return end_array();
}

void json_writer::quote(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  const bool valid = simdjson::validate_utf8(text.data(), text.size());
  out_ += '"';
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (c == '\n') {
      out_ += "\\n";
    } else if (c == '\r') {
      out_ += "\\r";
    } else if (c == '\t') {
      out_ += "\\t";
    } else if (u < 0x20 || c == '<' || c == '>' || c == '&') {
      out_ += "\\u00";
      out_ += digits[u >> 4];
      out_ += digits[u & 15];
    } else if (u >= 0x80 && !valid) {
      out_ += "\\ufffd";
    } else {
      out_ += c;
    }
  }
  out_ += '"';
}

}  // namespace muster::http
