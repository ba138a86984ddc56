#include "http/routing/router.hpp"

#include "http/message/envelope.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace muster::http {

namespace {

std::vector<std::string> split(std::string_view pattern) {
  std::vector<std::string> parts;
  std::size_t at = 1;
  while (at < pattern.size()) {
    const auto end = std::min(pattern.find('/', at), pattern.size());
    parts.emplace_back(pattern.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

[[noreturn]] void broken(const char* what, std::string_view method, std::string_view path) {
  std::fprintf(stderr, "%s %s %s\n", std::string(method).c_str(), std::string(path).c_str(), what);
  std::abort();
}

bool is_capture(const std::string& part) { return part.starts_with('{'); }

}  // namespace

void router::add(std::string_view method, std::string_view path, handler h, pace how) {
  const auto row = std::find_if(table_.begin(), table_.end(), [&](const endpoint& e) {
    return e.method == method && e.path == path;
  });
  if (row == table_.end()) broken("has no row in the table of endpoints", method, path);
  const auto parts = split(path);
  auto at = std::find_if(places_.begin(), places_.end(),
                         [&](const place& p) { return p.parts == parts; });
  if (at == places_.end()) {
    // Plain paths come before those with captures, so that /images/aliases is no fingerprint.
    const auto captures_of = [](const place& p) {
      return std::count_if(p.parts.begin(), p.parts.end(), is_capture);
    };
    place fresh{parts, {}};
    at = places_.insert(
        std::find_if(places_.begin(), places_.end(),
                     [&](const place& p) { return captures_of(p) > captures_of(fresh); }),
        fresh);
  }
  at->by_method[std::string(method)] = {&*row, std::move(h), how};
}

void router::check_whole() const {
  for (const auto& row : table_) {
    const auto parts = split(row.path);
    if (std::none_of(places_.begin(), places_.end(), [&](const place& p) {
          return p.parts == parts && p.by_method.contains(row.method);
        }))
      broken("is answered by nothing", row.method, row.path);
  }
}

bool router::matches(const place& r, const std::vector<std::string>& segments, captures& found) {
  for (std::size_t i = 0; i < r.parts.size(); ++i) {
    const auto& part = r.parts[i];
    if (part.ends_with("...}")) {
      if (i >= segments.size()) return false;
      std::string rest = segments[i];
      for (std::size_t k = i + 1; k < segments.size(); ++k) rest += "/" + segments[k];
      found[part.substr(1, part.size() - 5)] = rest;
      return true;
    }
    if (i >= segments.size()) return false;
    if (is_capture(part))
      found[part.substr(1, part.size() - 2)] = segments[i];
    else if (part != segments[i])
      return false;
  }
  return r.parts.size() == segments.size();
}

void router::look_up(request& r) const {
  if (r.way || r.is_nowhere) return;
  if (r.segments.size() > 1 && r.segments[0] == "1.0" &&
      (r.segments[1] == "containers" || r.segments[1] == "virtual-machines"))
    r.view = std::exchange(r.segments[1], "instances");
  for (const auto& candidate : places_) {
    captures found;
    if (!matches(candidate, r.segments, found)) continue;
    r.found = std::move(found);
    const auto at = candidate.by_method.find(r.method == "HEAD" ? "GET" : r.method);
    if (at != candidate.by_method.end()) r.way = &at->second;
    return;
  }
  r.is_nowhere = true;
}

response router::dispatch(const request& r) {
  if (r.is_nowhere) return error(404, "not found");
  return r.way ? r.way->run(r, r.found) : error(501, "not implemented");
}

}  // namespace muster::http
