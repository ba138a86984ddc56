#include "http/message/message.hpp"

namespace muster::http {

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

status parse_target(request& r) {
  const auto mark = r.target.find('?');
  r.path = r.target.substr(0, mark);
  const auto bad = fail(errc::bad_request, "the URL holds a damaged escape");
  std::string_view rest(r.path);
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto part = rest.substr(0, rest.find('/'));
    auto decoded = percent_decode(part, false);
    if (!decoded) return bad;
    r.segments.push_back(*std::move(decoded));
    rest.remove_prefix(part.size());
  }
  while (!r.segments.empty() && r.segments.back().empty()) r.segments.pop_back();
  std::string_view query =
      mark == std::string::npos ? std::string_view{} : std::string_view(r.target).substr(mark + 1);
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    const auto equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                  : percent_decode(part.substr(equals + 1), true);
    if (!name || !value) return bad;
    if (!name->empty()) r.query[*std::move(name)] = *std::move(value);
  }
  return ok();
}

}  // namespace muster::http
