#include "tests/checkers/history_json.hpp"

#include <simdjson.h>

#include <array>

namespace muster::checkers {

namespace {

template <std::size_t N>
int place_in(const std::array<const char*, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i)
    if (name == names[i]) return static_cast<int>(i);
  return -1;
}

std::string text_of(const simdjson::dom::element& line, const char* key) {
  std::string_view text;
  if (line[key].get(text)) return {};
  return std::string(text);
}

status fill(const simdjson::dom::element& line, operation& o) {
  constexpr std::array kinds{"write", "read", "append"};
  constexpr std::array outcomes{"ok", "fail", "unknown"};
  const auto what = place_in(kinds, text_of(line, "op"));
  const auto outcome = place_in(outcomes, text_of(line, "outcome"));
  if (what < 0) return fail(errc::bad_request, "op is write, read or append");
  if (outcome < 0) return fail(errc::bad_request, "outcome is ok, fail or unknown");
  o.what = static_cast<kind>(what);
  o.outcome = static_cast<outcome_of>(outcome);
  o.key = text_of(line, "key");
  o.value = text_of(line, "value");
  o.result = text_of(line, "result");
  if (line["client"].get(o.client)) o.client = 0;
  if (line["start_us"].get(o.start)) return fail(errc::bad_request, "start_us is missing");
  if (line["end_us"].get(o.end)) o.end = never;
  if (o.outcome == outcome_of::ok && o.end == never)
    return fail(errc::bad_request, "an operation that is ok has end_us");
  if (o.end < o.start) return fail(errc::bad_request, "end_us lies before start_us");
  return ok();
}

}  // namespace

result<history> read_history(std::istream& in) {
  history all;
  simdjson::dom::parser parser;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    if (text.empty()) continue;
    const auto bad = [&](const std::string& why) {
      return fail(errc::bad_request, "line " + std::to_string(number) + ": " + why);
    };
    simdjson::dom::element line;
    if (parser.parse(text).get(line)) return bad("not JSON");
    if (auto filled = fill(line, all.emplace_back()); !filled) return bad(filled.error().detail);
  }
  return all;
}

}  // namespace muster::checkers
