#include "http/front/quick_request.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace muster::http {

namespace {

constexpr std::string_view head_end = "\r\n\r\n";

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

/// Headers that ask for more than an answer, or could be read in two ways.
bool is_plain(const request& r, std::string_view head) {
  for (const char* special : {"upgrade", "transfer-encoding", "expect", "range", "connection"})
    if (const auto at = r.headers.find(special);
        at != r.headers.end() && lower(at->second) != "keep-alive")
      return false;
  const auto lines = std::count(head.begin(), head.end(), '\n');
  return head.substr(0, head.find("\r\n")).ends_with(" HTTP/1.1") &&
         r.headers.size() + 2 == static_cast<std::size_t>(lines);  // each header once
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Payload Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

std::optional<std::size_t> body_bytes(const request& r) {
  const auto text = r.header("content-length");
  std::size_t size = 0;
  if (text.empty()) return size;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (bad != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return size;
}

}  // namespace

result<std::shared_ptr<request>> parse_head(std::string_view head, const peer_info& peer) {
  auto made = std::make_shared<request>();
  auto& r = *made;
  r.peer = peer;
  r.arrived = clock::now();
  const auto line_end = head.find("\r\n");
  const auto first = head.substr(0, line_end);
  const auto a = first.find(' ');
  const auto b = first.rfind(' ');
  if (a == std::string_view::npos || b <= a)
    return fail(errc::bad_request, "the request is damaged");
  r.method = first.substr(0, a);
  r.target = first.substr(a + 1, b - a - 1);
  auto rest = head.substr(line_end + 2);
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    r.headers[lower(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
  }
  if (!r.target.starts_with('/') || r.target.find(' ') != std::string::npos)
    return fail(errc::bad_request, "the request is damaged");
  if (auto parsed = parse_target(r); !parsed) return parsed.error();
  return made;
}

take_result take_quick(connection& c, const std::function<bool(request&)>& is_quick) {
  if (!c.begun) {
    const auto end = c.in.find(head_end, c.searched);
    if (end == std::string::npos) {
      if (c.in.size() > bounds::head_bytes_max) return {taken::too_long, nullptr};
      c.searched = c.in.size() - std::min(c.in.size(), head_end.size() - 1);
      return {taken::need_more, nullptr};
    }
    c.searched = 0;
    c.head_bytes = end + head_end.size();
    const std::string_view head(c.in.data(), c.head_bytes);
    auto parsed = parse_head(head, c.peer);
    if (!parsed || !is_plain(**parsed, head)) return {taken::other, nullptr};
    const auto size = body_bytes(**parsed);
    const bool may_have_body = (*parsed)->method != "GET" && (*parsed)->method != "HEAD";
    if (!size || *size > (may_have_body ? bounds::quick_body_bytes_max : 0) ||
        (*parsed)->method == "HEAD" || !is_quick(**parsed))
      return {taken::other, nullptr};
    c.begun = *std::move(parsed);
    c.begun_bytes = c.head_bytes + *size;
  }
  if (c.in.size() < c.begun_bytes) return {taken::need_more, nullptr};
  c.begun->body = c.in.substr(c.head_bytes, c.begun_bytes - c.head_bytes);
  c.in.erase(0, c.begun_bytes);
  c.head_bytes = 0;
  return {taken::quick, std::exchange(c.begun, nullptr)};
}

std::string to_bytes(const response& r, bool keep_alive, const std::string& trace) {
  std::string text;
  text.reserve(256 + r.body.size());
  text += "HTTP/1.1 " + std::to_string(r.status) + " ";
  text += reason_of(r.status);
  text += "\r\nContent-Type: " + r.content_type +
          "\r\nContent-Length: " + std::to_string(r.body.size()) + "\r\n";
  if (!keep_alive) text += "Connection: close\r\n";
  if (!trace.empty()) text += "X-Muster-Request: " + trace + "\r\n";
  for (const auto& [name, value] : r.headers) {
    text += name;
    text += ": ";
    text += value;
    text += "\r\n";
  }
  text += "\r\n";
  text += r.body;
  return text;
}

}  // namespace muster::http
