#include "http/server/quick_request.hpp"

#include "http/message/envelope.hpp"
#include "http/message/head.hpp"
#include "schemas/basic/text_rules.hpp"

#include <algorithm>
#include <utility>

namespace muster::http {

namespace {

constexpr std::string_view head_end = "\r\n\r\n";

/// Nothing that asks for more than an answer, or could be read in two ways.
bool is_plain(const request& r, std::string_view head) {
  for (const char* special : {"upgrade", "transfer-encoding", "expect"})
    if (r.headers.contains(special)) return false;
  if (const auto at = r.headers.find("connection"); at != r.headers.end())
    if (const auto word = text_rules::lower(at->second); word != "keep-alive" && word != "close")
      return false;
  const auto lines = std::count(head.begin(), head.end(), '\n');
  return r.headers.size() + 2 == static_cast<std::size_t>(lines);  // each header once
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
    case 411:
      return "Length Required";
    case 413:
      return "Payload Too Large";
    case 414:
      return "URI Too Long";
    case 431:
      return "Request Header Fields Too Large";
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

/// Whether the loop reads the body before a worker begins: a small one, and all of a stranger's.
bool is_gathered(const request& r, const framing& frame, const admission& let_in) {
  if (frame.is_chunked || frame.body_bytes == 0) return false;
  if (let_in.is_stranger) return true;
  return frame.body_bytes <= bounds::quick_body_bytes_max && !r.headers.contains("expect");
}

std::optional<response> refusal_of(const framing& frame, const admission& let_in) {
  if (let_in.refusal) return let_in.refusal;
  if (frame.body_bytes > let_in.body_bytes_max) return error(413, "Request body is too large");
  if (frame.is_chunked && let_in.is_stranger)
    return error(411, "the length of the body is missing");
  return std::nullopt;
}

take_result refused(response answer) { return {taken::refused, nullptr, std::move(answer)}; }

/// What becomes of a request whose head is whole.
take_result begin(connection& c, const quick_test& is_quick, const admit_test& admit) {
  const std::string_view head(c.in.data(), c.head_bytes);
  auto parsed = parse_head(head, c.peer);
  if (!parsed) return refused(error(parsed.error()));
  auto& r = **parsed;
  auto looked = look_at_head(head, r);
  if (looked.refusal) return refused(*std::move(looked.refusal));
  const auto& frame = looked.frame;
  if (r.headers.contains("upgrade")) return {taken::other, nullptr, std::nullopt};
  const bool has_body = frame.is_chunked || frame.body_bytes != 0;
  const bool may_have_body = r.method != "GET";
  const bool quick = r.method != "HEAD" && is_plain(r, head) &&
                     frame.body_bytes <= (may_have_body ? bounds::quick_body_bytes_max : 0) &&
                     is_quick(r);
  admission let_in;
  if (admit && (has_body || !quick)) let_in = admit(r);
  if (auto no = refusal_of(frame, let_in)) return refused(*std::move(no));
  c.must_close = c.must_close || !frame.may_keep;
  if (!quick) {
    c.range = r.header("range");
    const auto clean = fenced(head, r, frame);
    c.in.replace(0, c.head_bytes, clean);
    c.head_bytes = clean.size();
    if (!is_gathered(r, frame, let_in)) return {taken::other, nullptr, std::nullopt};
  }
  c.begun = *std::move(parsed);
  c.begun_is_quick = quick;
  c.begun_bytes = c.head_bytes + frame.body_bytes;
  return {taken::need_more, nullptr, std::nullopt};
}

}  // namespace

take_result take_quick(connection& c, const quick_test& is_quick, const admit_test& admit) {
  if (!c.begun) {
    const auto end = c.in.find(head_end, c.searched);
    if (end == std::string::npos) {
      if (c.in.size() > bounds::head_bytes_max)
        return refused(error(431, "the request's head is too long"));
      c.searched = c.in.size() - std::min(c.in.size(), head_end.size() - 1);
      return {taken::need_more, nullptr, std::nullopt};
    }
    c.searched = 0;
    c.head_bytes = end + head_end.size();
    if (c.head_bytes > bounds::head_bytes_max)
      return refused(error(431, "the request's head is too long"));
    auto begun = begin(c, is_quick, admit);
    if (begun.what != taken::need_more) return begun;
  }
  if (c.in.size() < c.begun_bytes) return {taken::need_more, nullptr, std::nullopt};
  if (!c.begun_is_quick) {
    c.begun = nullptr;
    return {taken::other, nullptr, std::nullopt};
  }
  c.begun->body = c.in.substr(c.head_bytes, c.begun_bytes - c.head_bytes);
  c.in.erase(0, c.begun_bytes);
  c.head_bytes = 0;
  return {taken::quick, std::exchange(c.begun, nullptr), std::nullopt};
}

namespace {

/// A line break in a value would begin a header of its own.
void add_header(std::string& to, std::string_view name, std::string_view value) {
  to += name;
  to += ": ";
  for (const char ch : value) to += static_cast<unsigned char>(ch) < 32 || ch == 127 ? '_' : ch;
  to += "\r\n";
}

}  // namespace

std::string to_bytes(const response& r, bool keep_alive, const std::string& trace) {
  std::string text;
  text.reserve(256 + r.body.size());
  text += "HTTP/1.1 " + std::to_string(r.status) + " ";
  text += reason_of(r.status);
  text += "\r\n";
  if (!r.content_type.empty()) add_header(text, "Content-Type", r.content_type);
  add_header(text, "Content-Length", std::to_string(r.body.size()));
  if (!keep_alive) text += "Connection: close\r\n";
  if (!trace.empty()) text += "X-Muster-Request: " + trace + "\r\n";
  for (const auto& [name, value] : r.headers) add_header(text, name, value);
  text += "\r\n";
  text += r.body;
  return text;
}

}  // namespace muster::http
