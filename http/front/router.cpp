#include "http/front/router.hpp"

#include "http/front/envelope.hpp"

#include <algorithm>

namespace muster::http {

namespace {

std::vector<std::string> split(const std::string& pattern) {
  std::vector<std::string> parts;
  std::size_t at = 1;
  while (at < pattern.size()) {
    const auto end = std::min(pattern.find('/', at), pattern.size());
    parts.push_back(pattern.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool is_capture(const std::string& part) { return part.starts_with('{'); }

}  // namespace

void router::add(const std::string& method, const std::string& pattern, handler h, pace how) {
  const auto parts = split(pattern);
  auto at = std::find_if(routes_.begin(), routes_.end(),
                         [&](const route& r) { return r.parts == parts; });
  if (at == routes_.end()) {
    // Plain routes come before those with captures, so that /images/aliases is no fingerprint.
    const auto captures_of = [](const route& r) {
      return std::count_if(r.parts.begin(), r.parts.end(), is_capture);
    };
    route fresh{parts, {}};
    at = routes_.insert(
        std::find_if(routes_.begin(), routes_.end(),
                     [&](const route& r) { return captures_of(r) > captures_of(fresh); }),
        fresh);
  }
  at->by_method[method] = {std::move(h), how};
}

bool router::matches(const route& r, const std::vector<std::string>& segments, captures& found) {
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

std::pair<const router::route*, captures> router::find(
    const std::vector<std::string>& segments) const {
  for (const auto& candidate : routes_) {
    captures found;
    if (matches(candidate, segments, found)) return {&candidate, std::move(found)};
  }
  return {};
}

response router::dispatch(request& r) const {
  if (r.run) return (*r.run)(r, r.found);
  auto [at, found] = find(r.segments);
  if (!at) return error(404, "not found");
  const auto target = at->by_method.find(r.method == "HEAD" ? "GET" : r.method);
  if (target == at->by_method.end()) return error(501, "not implemented");
  r.found = std::move(found);
  return target->second.run(r, r.found);
}

bool router::is_quick(request& r) const {
  auto [at, found] = find(r.segments);
  if (!at) return false;
  const auto target = at->by_method.find(r.method);
  if (target == at->by_method.end() || target->second.how != pace::quick) return false;
  r.found = std::move(found);
  r.run = &target->second.run;
  return true;
}

}  // namespace muster::http
