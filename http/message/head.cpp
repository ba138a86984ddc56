#include "http/message/head.hpp"

#include "http/message/envelope.hpp"
#include "schemas/basic/text_rules.hpp"

#include <algorithm>
#include <charconv>

namespace muster::http {

namespace {

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

bool is_method(const std::string& name) {
  for (const char* known : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
    if (name == known) return true;
  return false;
}

/// Calls with each line but the first, without its end; stops when `see` returns false.
template <class F>
void each_header(std::string_view head, const F& see) {
  head.remove_prefix(std::min(head.find("\r\n"), head.size() - 2) + 2);
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(line.size() + 2, head.size()));
    if (line.empty() || !see(line)) return;
  }
}

/// No byte that one reader takes for the end of a line and another does not.
bool has_stray_bytes(std::string_view head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\0') return true;
    if (head[i] == '\r' && (i + 1 == head.size() || head[i + 1] != '\n')) return true;
    if (head[i] == '\n' && (i == 0 || head[i - 1] != '\r')) return true;
  }
  return false;
}

response damaged() { return error(400, "the request is damaged"); }

/// The one Content-Length or Transfer-Encoding.
std::optional<response> read_framing(std::string_view name, std::string_view value, framing& to) {
  if (name == "content-length") {
    const auto [end, bad] =
        std::from_chars(value.data(), value.data() + value.size(), to.body_bytes);
    const bool is_number = bad == std::errc{} && end == value.data() + value.size();
    if (to.has_length || to.is_chunked || !is_number) return damaged();
    to.has_length = true;
  }
  if (name == "transfer-encoding") {
    if (to.has_length || to.is_chunked) return damaged();
    if (text_rules::lower(value) != "chunked")
      return error(501, "this transfer encoding is not known");
    to.is_chunked = true;
  }
  return std::nullopt;
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
  each_header(head, [&](std::string_view line) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos)
      r.headers[text_rules::lower(line.substr(0, colon))] = trimmed(line.substr(colon + 1));
    return true;
  });
  if (!r.target.starts_with('/') || r.target.find(' ') != std::string::npos)
    return fail(errc::bad_request, "the request is damaged");
  if (auto parsed = parse_target(r); !parsed) return parsed.error();
  return made;
}

head_answer look_at_head(std::string_view head, const request& r) {
  head_answer out;
  const auto first = head.substr(0, head.find("\r\n"));
  const bool is_old = first.ends_with(" HTTP/1.0");
  if (has_stray_bytes(head) || (!is_old && !first.ends_with(" HTTP/1.1")))
    out.refusal = damaged();
  else if (!is_method(r.method))
    out.refusal = error(501, "not implemented");
  else if (r.path.size() > bounds::path_bytes_max || first.size() > bounds::line_bytes_max)
    out.refusal = error(414, "the request's path is too long");
  out.frame.may_keep = !is_old;
  each_header(head, [&](std::string_view line) {
    const auto colon = line.find(':');
    const auto name = text_rules::lower(line.substr(0, colon));
    if (out.refusal) return false;
    if (line.size() > bounds::line_bytes_max)
      out.refusal = error(431, "a header of the request is too long");
    else if (colon == std::string_view::npos || colon == 0 ||
             name.find_first_of(" \t") != std::string::npos)
      out.refusal = damaged();
    else
      out.refusal = read_framing(name, trimmed(line.substr(colon + 1)), out.frame);
    if (name == "connection" &&
        text_rules::lower(line.substr(colon + 1)).find("close") != std::string::npos)
      out.frame.may_keep = false;
    return true;
  });
  if (out.frame.is_chunked && is_old) out.refusal = damaged();
  return out;
}

std::string fenced(std::string_view head, const request& r, const framing& frame) {
  std::string out(head.substr(0, head.find("\r\n") + 2));
  each_header(head, [&](std::string_view line) {
    if (text_rules::lower(line.substr(0, line.find(':'))) == "range") return true;
    out += line;
    out += "\r\n";
    return true;
  });
  const bool may_have_body = r.method != "GET" && r.method != "HEAD" && r.method != "OPTIONS";
  if (may_have_body && !frame.has_length && !frame.is_chunked) out += "Content-Length: 0\r\n";
  return out + "\r\n";
}

}  // namespace muster::http
