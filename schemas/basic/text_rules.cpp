#include "schemas/basic/text_rules.hpp"

#include "schemas/basic/limits.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace muster::text_rules {

namespace {

/// Code point at the front of `text`, which becomes shorter; none if it is no UTF-8.
std::optional<char32_t> next_code_point(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || text.size() < length) return std::nullopt;
  char32_t code = length == 1 ? first : first & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0u) != 0x80u) return std::nullopt;
    code = code << 6 | (byte & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
    return std::nullopt;
  text.remove_prefix(length);
  return code;
}

bool is_clean(std::string_view text, bool may_break) {
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F; };
  if (std::all_of(text.begin(), text.end(), is_plain)) return true;  // nearly always
  while (!text.empty()) {
    const auto code = next_code_point(text);
    if (!code) return false;
    if (*code >= 0x20 && *code != 0x7F && (*code < 0x80 || *code > 0x9F)) continue;
    if (!may_break || (*code != '\n' && *code != '\r' && *code != '\t')) return false;
  }
  return true;
}

failure bad(std::string text) { return fail(errc::bad_request, std::move(text)); }

/// As much of a name as an answer or a log line can take.
std::string shown(std::string_view name) {
  std::string text;
  for (const char c : name.substr(0, 64))
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  return is_line(text) ? text : "…";
}

status check_key(std::string_view key) {
  if (key.empty() || key.size() > limits::label_bytes_max || !is_line(key))
    return bad("Invalid configuration key \"" + shown(key) + "\"");
  return ok();
}

}  // namespace

bool is_line(std::string_view text) { return is_clean(text, false); }

bool is_text(std::string_view text) { return is_clean(text, true); }

bool may_have_lines(std::string_view key) {
  constexpr std::array prefixes{"user.", "cloud-init.", "raw.", "image.", "volatile."};
  return key == "instances.placement.scriptlet" || key == "core.trust_ca_certificates" ||
         std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const char* p) { return key.starts_with(p); });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) ||
                       std::string_view("-_.~").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
      continue;
    }
    out += '%';
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

status check_name(std::string_view what, std::string_view name) {
  if (name.empty()) return bad("No name provided");
  if (name.size() > limits::label_bytes_max || !is_line(name))
    return bad("Invalid " + std::string(what) + " name \"" + shown(name) +
               "\": it is one line of at most " + std::to_string(limits::label_bytes_max) +
               " bytes");
  return ok();
}

status check_path_name(std::string_view what, std::string_view name) {
  if (auto good = check_name(what, name); !good) return good;
  if (name == "." || name == ".." || name.find('/') != std::string_view::npos)
    return bad("Invalid " + std::string(what) + " name \"" + shown(name) + "\"");
  return ok();
}

status check_config(const string_map& config) {
  for (const auto& [key, value] : config) {
    if (auto good = check_key(key); !good) return good;
    if (value.size() > limits::config_value_bytes_max)
      return bad("The value of " + key + " is too long");
    if (may_have_lines(key) ? !is_text(value) : !is_line(value))
      return bad("The value of " + key + " has control characters" +
                 (may_have_lines(key) ? "" : " or line breaks"));
  }
  return ok();
}

status check_devices(const device_map& devices) {
  for (const auto& [name, device] : devices) {
    if (auto good = check_path_name("device", name); !good) return good;
    for (const auto& [key, value] : device) {
      if (auto good = check_key(key); !good) return good;
      if (value.size() > limits::config_value_bytes_max || !is_line(value))
        return bad("Device \"" + name + "\": the value of " + key +
                   " is too long, or has control characters or line breaks");
    }
  }
  return ok();
}

}  // namespace muster::text_rules
