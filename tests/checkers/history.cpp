#include "tests/checkers/history.hpp"

#include <algorithm>
#include <cstdio>

namespace muster::checkers {

namespace {

constexpr std::uint64_t prime = 0x100000001b3ULL;

/// 1 / prime modulo 2^64, by Newton's iteration.
constexpr std::uint64_t inverse() {
  std::uint64_t x = prime;
  for (int i = 0; i < 6; ++i) x *= 2 - prime * x;
  return x;
}
static_assert(inverse() * prime == 1);

}  // namespace

past past::without(const std::string& value) const {
  past before{count - 1, digest};
  const auto undo = [&](char c) {
    before.digest = (before.digest * inverse()) ^ static_cast<unsigned char>(c);
  };
  undo('\n');
  for (auto c = value.rbegin(); c != value.rend(); ++c) undo(*c);
  return before;
}

past past::with(const std::string& value) const {
  past next{count + 1, digest};
  const auto fold = [&](char c) {
    next.digest = (next.digest ^ static_cast<unsigned char>(c)) * prime;
  };
  for (const auto c : value) fold(c);
  fold('\n');
  return next;
}

std::string past::text() const {
  char out[48];
  std::snprintf(out, sizeof out, "%llu:%016llx", static_cast<unsigned long long>(count),
                static_cast<unsigned long long>(digest));
  return out;
}

bool past::parse(const std::string& text, past& into) {
  unsigned long long count = 0;
  unsigned long long digest = 0;
  int used = 0;
  if (std::sscanf(text.c_str(), "%llu:%16llx%n", &count, &digest, &used) != 2 ||
      static_cast<std::size_t>(used) != text.size())
    return false;
  into = {count, digest};
  return true;
}

std::string describe(const operation& o) {
  constexpr const char* names[] = {"write", "read", "append"};
  constexpr const char* outcomes[] = {"ok", "fail", "unknown"};
  std::string text =
      "client " + std::to_string(o.client) + " " + names[static_cast<int>(o.what)] + " " + o.key;
  if (o.what != kind::read) text += " \"" + o.value + "\"";
  text += " [" + std::to_string(o.start) + ", " +
          (o.end == never ? "open" : std::to_string(o.end)) + "] " +
          outcomes[static_cast<int>(o.outcome)];
  if (!o.result.empty() || o.what == kind::read) text += " -> \"" + o.result + "\"";
  return text;
}

verdict check(const history& all) {
  std::map<std::string, history> by_key;
  for (const auto& o : all) by_key[o.key].push_back(o);
  verdict worst;
  for (const auto& [key, ops] : by_key) {
    const auto is_append = [](const operation& o) { return o.what == kind::append; };
    const auto is_write = [](const operation& o) { return o.what == kind::write; };
    const auto shows_past = [](const operation& o) { return o.result.find(':') != o.result.npos; };
    const bool written = std::any_of(ops.begin(), ops.end(), is_write);
    const bool appended = std::any_of(ops.begin(), ops.end(), is_append) ||
                          (!written && std::any_of(ops.begin(), ops.end(), shows_past));
    if (appended && written)
      return {verdict::answer::wrong, "key " + key + " is both written and appended to"};
    auto v = appended ? check_appends(ops) : check_register(ops);
    if (v.says == verdict::answer::right) continue;
    v.why = "key " + key + ": " + v.why;
    if (v.says == verdict::answer::wrong) return v;
    worst = v;
  }
  return worst;
}

}  // namespace muster::checkers
