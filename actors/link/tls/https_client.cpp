#include "actors/link/tls/https_client.hpp"

#include "schemas/basic/text_rules.hpp"

#include <algorithm>
#include <charconv>

namespace muster::tls {

namespace {

constexpr std::size_t head_bytes_max = 64u << 10;

std::string head_of(const http_request& r) {
  std::string head = r.method + " " + r.target + " HTTP/1.1\r\nHost: " + r.host + "\r\n";
  for (const auto& [name, value] : r.headers) head += name + ": " + value + "\r\n";
  if (!r.body.empty() || r.method == "POST" || r.method == "PUT" || r.method == "PATCH")
    head += "Content-Length: " + std::to_string(r.body.size()) + "\r\n";
  return head + "\r\n";
}

/// Reads bytes with a look-ahead buffer.
class reader {
public:
  reader(stream& on, clock::time_point deadline,
         clock::duration silence_max = clock::duration::max())
      : on_(on), deadline_(deadline), silence_max_(silence_max) {}

  result<std::string> line() {
    for (;;) {
      if (const auto end = buffer_.find("\r\n"); end != std::string::npos) {
        auto text = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return text;
      }
      if (buffer_.size() > head_bytes_max)
        return fail(errc::corrupt, "an answer's head is too long");
      if (auto got = more(); !got) return got.error();
    }
  }

  /// Up to `most` bytes; empty at the end of the stream.
  result<std::string> some(std::size_t most) {
    if (buffer_.empty())
      if (auto got = more(true); !got) return got.error();
    auto part = buffer_.substr(0, most);
    buffer_.erase(0, part.size());
    return part;
  }
  std::string take_rest() { return std::exchange(buffer_, {}); }

private:
  status more(bool end_is_fine = false) {
    char part[16384];
    const auto now = clock::now();
    const bool is_sooner = now < deadline_ && deadline_ - now > silence_max_;
    auto n = on_.read(part, sizeof part, is_sooner ? now + silence_max_ : deadline_);
    if (!n) return n.error();
    if (*n == 0 && !end_is_fine) return fail(errc::unavailable, "the connection was closed");
    buffer_.append(part, *n);
    return ok();
  }

  stream& on_;
  clock::time_point deadline_;
  clock::duration silence_max_;
  std::string buffer_;
};

result<http_response> read_head(reader& in) {
  http_response r;
  auto first = in.line();
  if (!first) return first.error();
  if (!first->starts_with("HTTP/1.1 ") || first->size() < 12)
    return fail(errc::corrupt, "the answer is not HTTP");
  std::from_chars(first->data() + 9, first->data() + 12, r.status);
  for (;;) {
    auto line = in.line();
    if (!line) return line.error();
    if (line->empty()) return r;
    const auto colon = line->find(':');
    if (colon == std::string::npos) return fail(errc::corrupt, "a header of the answer is damaged");
    auto value = line->substr(colon + 1);
    value.erase(0, value.find_first_not_of(' '));
    r.headers[text_rules::lower(line->substr(0, colon))] = std::move(value);
  }
}

using sink = std::function<status(std::string_view)>;

status pass(reader& in, std::uint64_t size, const sink& give) {
  while (size > 0) {
    auto part = in.some(static_cast<std::size_t>(std::min<std::uint64_t>(size, 1u << 18)));
    if (!part) return part.error();
    if (part->empty()) return fail(errc::unavailable, "the answer ended early");
    size -= part->size();
    if (auto given = give(*part); !given) return given;
  }
  return ok();
}

status pass_chunks(reader& in, const sink& give) {
  for (;;) {
    auto line = in.line();
    if (!line) return line.error();
    std::uint64_t size = 0;
    if (std::from_chars(line->data(), line->data() + line->size(), size, 16).ec != std::errc{})
      return fail(errc::corrupt, "a chunk of the answer is damaged");
    if (auto passed = pass(in, size, give); !passed) return passed;
    if (auto end = in.line(); !end) return end.error();
    if (size == 0) return ok();
  }
}

status read_body(reader& in, const http_response& r, const sink& give) {
  if (const auto te = r.headers.find("transfer-encoding");
      te != r.headers.end() && text_rules::lower(te->second) == "chunked")
    return pass_chunks(in, give);
  if (const auto length = r.headers.find("content-length"); length != r.headers.end()) {
    std::uint64_t size = 0;
    std::from_chars(length->second.data(), length->second.data() + length->second.size(), size);
    return pass(in, size, give);
  }
  for (;;) {
    auto part = in.some(1u << 18);
    if (!part) return part.error();
    if (part->empty()) return ok();
    if (auto given = give(*part); !given) return given;
  }
}

/// Once a request has left, a broken connection says nothing about what it did.
failure after_sending(const failure& why, const http_request& r) {
  if (r.method == "GET") return why;
  return fail(errc::unknown_outcome,
              why.detail + "; the request may or may not have been carried out");
}

}  // namespace

result<http_response> ask(stream& on, const http_request& request, const http_options& with) {
  if (auto sent = on.write_all(head_of(request) + request.body, with.deadline); !sent)
    return after_sending(sent.error(), request);
  reader in(on, with.deadline, with.silence_max);
  auto head = read_head(in);
  if (!head) return after_sending(head.error(), request);
  auto r = *std::move(head);
  const bool keep = !with.take || r.status < 200 || r.status > 299;
  const auto give = [&](std::string_view part) -> status {
    if (!keep) return with.take(part);
    if (r.body.size() + part.size() > with.body_bytes_max)
      return fail(errc::too_large, "the answer is too long");
    r.body += part;
    return ok();
  };
  if (request.method != "HEAD" && r.status != 204)
    if (auto read = read_body(in, r, give); !read) return after_sending(read.error(), request);
  return r;
}

status upgrade(stream& on, const http_request& request, const std::string& protocol,
               clock::time_point deadline) {
  auto asked = request;
  asked.headers["Connection"] = "Upgrade";
  asked.headers["Upgrade"] = protocol;
  if (auto sent = on.write_all(head_of(asked), deadline); !sent) return sent;
  reader in(on, deadline);
  auto head = read_head(in);
  if (!head) return head.error();
  if (head->status != 101) {
    std::string text;
    const auto give = [&](std::string_view part) {
      if (text.size() < 4096) text += part;
      return ok();
    };
    (void)read_body(in, *head, give).ok();
    return fail(errc::forbidden, "refused with " + std::to_string(head->status) + " " + text);
  }
  on.push_back(in.take_rest());
  return ok();
}

}  // namespace muster::tls
