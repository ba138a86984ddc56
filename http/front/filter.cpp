#include "http/front/filter.hpp"

#include "http/front/json_reader.hpp"

#include <algorithm>
#include <optional>

namespace muster::http {

namespace {

std::optional<std::vector<std::string>> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t", at)) != std::string_view::npos) {
    const char quote = text[at];
    if (quote == '"' || quote == '\'') {
      const auto end = text.find(quote, at + 1);
      if (end == std::string_view::npos) return std::nullopt;
      words.emplace_back(text.substr(at + 1, end - at - 1));
      at = end + 1;
    } else {
      const auto end = std::min(text.find_first_of(" \t", at), text.size());
      words.emplace_back(text.substr(at, end - at));
      at = end;
    }
  }
  return words;
}

bool same(std::string a, std::string b) {
  const auto lower = [](std::string& s) {
    std::transform(s.begin(), s.end(), s.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  };
  lower(a);
  lower(b);
  return a == b;
}

}  // namespace

result<filter> filter::parse(std::string_view text) {
  const auto words = words_of(text);
  if (!words) return fail(errc::bad_request, "Invalid filter: a quote is not closed");
  filter f;
  std::size_t at = 0;
  const auto next = [&]() -> std::string { return at < words->size() ? (*words)[at++] : ""; };
  while (at < words->size()) {
    clause c;
    if (!f.clauses_.empty()) {
      const auto joint = next();
      if (joint != "and" && joint != "or")
        return fail(errc::bad_request,
                    "Invalid filter: \"and\" or \"or\" is expected, not \"" + joint + "\"");
      c.is_or = joint == "or";
    }
    c.field = next();
    if (c.field == "not") {
      c.is_not = true;
      c.field = next();
    }
    const auto op = next();
    if (op != "eq" && op != "ne")
      return fail(errc::bad_request,
                  "Invalid filter: \"eq\" or \"ne\" is expected, not \"" + op + "\"");
    c.is_equal = op == "eq";
    if (at >= words->size()) return fail(errc::bad_request, "Invalid filter: a value is missing");
    c.value = next();
    f.clauses_.push_back(std::move(c));
  }
  return f;
}

bool filter::accepts(std::string_view object_json) const {
  bool all = true;
  for (const auto& c : clauses_) {
    const auto value = json_at(object_json, c.field);
    const bool holds = (same(value.value_or(""), c.value) == c.is_equal) != c.is_not;
    all = c.is_or ? all || holds : all && holds;
  }
  return all;
}

}  // namespace muster::http
