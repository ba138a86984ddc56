#include "actors/node/join_token.hpp"

#include "actors/node/secrets.hpp"

#include <simdjson.h>

#include <ctime>

namespace muster::node {

namespace {

/// Names, hex and host:port need no escapes; anything else is refused when the token is decoded.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + "\"";
}

std::string text_at(const simdjson::dom::object& object, const char* key) {
  std::string_view value;
  if (object[key].get(value) != simdjson::SUCCESS) return {};
  return std::string(value);
}

}  // namespace

std::string encode(const join_token& t) {
  std::string json = "{";
  json += t.client_name.empty() ? "\"server_name\":" + json_text(t.server_name)
                                : "\"client_name\":" + json_text(t.client_name);
  json += ",\"fingerprint\":" + json_text(t.fingerprint) + ",\"addresses\":[";
  for (std::size_t i = 0; i < t.addresses.size(); ++i)
    json += (i ? "," : "") + json_text(t.addresses[i]);
  json += "],\"secret\":" + json_text(t.secret);
  json +=
      ",\"expires_at\":" + json_text(t.expires_at.empty() ? "0001-01-01T00:00:00Z" : t.expires_at);
  return base64(json + "}");
}

result<join_token> decode_join_token(std::string_view text) {
  const auto bad = [](const char* why) {
    return fail(errc::bad_request, std::string("Invalid join token: ") + why);
  };
  if (text.size() > 64u << 10) return bad("it is too long");
  auto json = unbase64(text);
  if (!json) return bad("it is not base64");
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(*json).get(object) != simdjson::SUCCESS) return bad("it holds no JSON object");
  join_token t;
  t.server_name = text_at(object, "server_name");
  t.client_name = text_at(object, "client_name");
  t.fingerprint = text_at(object, "fingerprint");
  t.secret = text_at(object, "secret");
  t.expires_at = text_at(object, "expires_at");
  simdjson::dom::array addresses;
  if (object["addresses"].get(addresses) == simdjson::SUCCESS)
    for (const auto address : addresses) {
      std::string_view value;
      if (address.get(value) == simdjson::SUCCESS) t.addresses.emplace_back(value);
    }
  if (t.server_name.empty() && t.client_name.empty()) return bad("it names no server");
  if (t.addresses.empty()) return bad("it holds no address");
  if (t.secret.empty()) return bad("it holds no secret");
  if (t.fingerprint.empty()) return bad("it holds no fingerprint");
  return t;
}

std::string rfc3339(std::uint64_t ms) {
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  const auto n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  char fraction[24];
  std::snprintf(fraction, sizeof fraction, ".%03u000000Z", static_cast<unsigned>(ms % 1000));
  return std::string(text, n) + fraction;
}

std::optional<std::uint64_t> ms_of_rfc3339(const std::string& text) {
  std::tm parts{};
  const char* at = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (!at) return std::nullopt;
  std::uint64_t ms = 0;
  if (*at == '.') {
    std::uint64_t unit = 100;
    for (++at; *at >= '0' && *at <= '9'; ++at, unit /= 10)
      ms += static_cast<std::uint64_t>(*at - '0') * unit;
  }
  std::tm zone{};
  const char* end = ::strptime(at, "%z", &zone);
  if (!end || *end != '\0') return std::nullopt;
  const auto seconds = ::timegm(&parts) - zone.tm_gmtoff;
  return seconds < 0 ? 0 : static_cast<std::uint64_t>(seconds) * 1000 + ms;
}

std::string error_text(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(body).get(object) != simdjson::SUCCESS) return body;
  const auto text = text_at(object, "error");
  return text.empty() ? body : text;
}

}  // namespace muster::node
