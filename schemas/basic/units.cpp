#include "schemas/basic/units.hpp"

#include "schemas/basic/text_rules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace muster::units {

std::optional<std::uint64_t> number(std::string_view text, std::uint64_t most) {
  std::uint64_t n = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, n);
  if (text.empty() || read.ec != std::errc{} || read.ptr != end || n > most) return std::nullopt;
  return n;
}

std::optional<std::uint64_t> bytes(std::string_view text) {
  struct unit {
    std::string_view suffix;
    std::uint64_t factor;
  };
  constexpr std::uint64_t k = 1000;
  constexpr std::array<unit, 14> all{{{"B", 1},
                                      {"kB", k},
                                      {"KB", k},
                                      {"MB", k * k},
                                      {"GB", k * k * k},
                                      {"TB", k * k * k * k},
                                      {"PB", k * k * k * k * k},
                                      {"EB", k * k * k * k * k * k},
                                      {"KiB", 1ULL << 10},
                                      {"MiB", 1ULL << 20},
                                      {"GiB", 1ULL << 30},
                                      {"TiB", 1ULL << 40},
                                      {"PiB", 1ULL << 50},
                                      {"EiB", 1ULL << 60}}};
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto n = number(text.substr(0, digits));
  const auto suffix = text.substr(digits);
  if (!n) return std::nullopt;
  if (suffix.empty()) return n;
  for (const auto& u : all)
    if (u.suffix == suffix)
      return *n > static_cast<std::uint64_t>(INT64_MAX) / u.factor ? std::nullopt
                                                                   : std::optional(*n * u.factor);
  return std::nullopt;
}

std::optional<std::uint64_t> bytes_or_percent(std::string_view text, std::uint64_t total) {
  if (!text.ends_with('%')) return bytes(text);
  const auto n = number(text.substr(0, text.size() - 1), 100);
  return n && *n != 0 ? std::optional(total / 100 * *n) : std::nullopt;
}

std::optional<bool> flag(std::string_view text) {
  const auto word = text_rules::lower(text);
  if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "0" || word == "no" || word == "off") return false;
  return std::nullopt;
}

std::vector<std::string> list(std::string_view text) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    if (end > at) all.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

bool is_true(std::string_view text) { return flag(text).value_or(false); }

}  // namespace muster::units
