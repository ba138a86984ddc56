#include "http/message/filter.hpp"

#include "http/message/json_reader.hpp"

#include <algorithm>
#include <optional>
#include <re2/re2.h>

namespace muster::http {

namespace {

constexpr std::size_t text_bytes_max = 16u << 10;
constexpr int brackets_max = 32;
constexpr std::int64_t pattern_memory_max = 1 << 20;

failure wrong(const std::string& why) { return fail(errc::bad_request, "Invalid filter: " + why); }

}  // namespace

/// A clause, or a group of them.
struct filter::part {
  bool is_or = false;  ///< joined to what is before by "or"
  bool is_not = false;
  std::string field;
  bool is_equal = true;
  std::unique_ptr<re2::RE2> value;
  std::vector<std::shared_ptr<const part>> group;
};

struct filter::parser {
  std::string_view rest;
  using parts = std::vector<std::shared_ptr<const part>>;

  void skip() { rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size())); }

  bool takes(char c) {
    skip();
    if (!rest.starts_with(c)) return false;
    rest.remove_prefix(1);
    return true;
  }

  /// Up to white space, or between quotes; brackets belong to it only in pairs.
  result<std::string> word(bool is_value) {
    skip();
    if (!rest.empty() && (rest[0] == '"' || rest[0] == '\'')) {
      const auto end = rest.find(rest[0], 1);
      if (end == std::string_view::npos) return wrong("a quote is not closed");
      std::string text(rest.substr(1, end - 1));
      rest.remove_prefix(end + 1);
      return text;
    }
    std::size_t n = 0;
    for (int open = 0; n < rest.size() && rest[n] != ' ' && rest[n] != '\t'; ++n) {
      if (is_value && rest[n] == '\\' && n + 1 < rest.size()) {
        ++n;
        continue;
      }
      if (rest[n] == '(') ++open;
      if (rest[n] == ')' && open-- == 0) break;
    }
    std::string text(rest.substr(0, n));
    rest.remove_prefix(n);
    return text;
  }

  /// Until the end, or the bracket that closes.
  result<parts> list(int depth) {
    if (depth > brackets_max) return wrong("too many brackets");
    parts all;
    for (;;) {
      skip();
      if (rest.empty() || rest[0] == ')') break;
      bool is_or = false;
      if (!all.empty()) {
        auto joint = word(false);
        if (!joint) return joint.error();
        if (*joint != "and" && *joint != "or")
          return wrong("\"and\" or \"or\" is expected, not \"" + *joint + "\"");
        is_or = *joint == "or";
      }
      auto next = one(depth);
      if (!next) return next.error();
      (*next)->is_or = is_or;
      all.push_back(*std::move(next));
    }
    return all;
  }

  result<std::shared_ptr<part>> one(int depth) {
    auto p = std::make_shared<part>();
    if (takes('(')) return group(p, depth);
    auto field = word(false);
    if (!field) return field.error();
    if (*field == "not") {
      p->is_not = true;
      if (takes('(')) return group(p, depth);
      field = word(false);
      if (!field) return field.error();
    }
    p->field = *field;
    auto op = word(false);
    if (!op) return op.error();
    if (p->field.empty() || (*op != "eq" && *op != "ne"))
      return wrong("\"eq\" or \"ne\" is expected, not \"" + *op + "\"");
    p->is_equal = *op == "eq";
    skip();
    if (rest.empty() || rest[0] == ')') return wrong("a value is missing");
    auto value = word(true);
    if (!value) return value.error();
    const bool says_where = value->find_first_of("^$") != std::string::npos;
    re2::RE2::Options how;
    how.set_log_errors(false);
    how.set_case_sensitive(false);
    how.set_max_mem(pattern_memory_max);
    p->value = std::make_unique<re2::RE2>(says_where ? *value : "^(?:" + *value + ")$", how);
    if (!p->value->ok()) return wrong(p->value->error());
    return p;
  }

  result<std::shared_ptr<part>> group(std::shared_ptr<part> p, int depth) {
    auto inner = list(depth + 1);
    if (!inner) return inner.error();
    if (inner->empty() || !takes(')')) return wrong("a bracket is not closed, or holds nothing");
    p->group = *std::move(inner);
    return p;
  }
};

result<filter> filter::parse(std::string_view text) {
  if (text.size() > text_bytes_max) return wrong("it is too long");
  parser p{text};
  auto all = p.list(0);
  if (!all) return all.error();
  if (!p.rest.empty()) return wrong("a bracket is closed that was not opened");
  filter f;
  f.parts_ = *std::move(all);
  return f;
}

bool filter::holds(const std::vector<std::shared_ptr<const part>>& parts, std::string_view json) {
  bool all = true;
  for (const auto& p : parts) {
    bool is_so = false;
    if (!p->group.empty())
      is_so = holds(p->group, json);
    else
      is_so =
          re2::RE2::PartialMatch(json_at(json, p->field).value_or(""), *p->value) == p->is_equal;
    is_so = is_so != p->is_not;
    all = p->is_or ? all || is_so : all && is_so;
  }
  return all;
}

bool filter::accepts(std::string_view object_json) const { return holds(parts_, object_json); }

}  // namespace muster::http
