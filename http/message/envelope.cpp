#include "http/message/envelope.hpp"

#include "http/message/json_writer.hpp"
#include "storage/disk/sha256.hpp"

#include <openssl/evp.h>

namespace muster::http {

response sync(std::string_view metadata_json) {
  response r;
  r.body =
      R"({"type":"sync","status":"Success","status_code":200,"operation":"","error_code":0,"error":"","metadata":)";
  r.body += metadata_json;
  r.body += "}\n";
  return r;
}

response empty_sync() { return sync("{}"); }

response created(const std::string& location) {
  auto r = sync("null");
  r.status = 201;
  r.headers["Location"] = location;
  return r;
}

response async(const std::string& uuid, std::string_view operation_json) {
  const std::string path = "/1.0/operations/" + uuid;
  response r;
  r.status = 202;
  r.headers["Location"] = path;
  r.body = R"({"type":"async","status":"Operation created","status_code":100,"operation":")" +
           path + R"(","error_code":0,"error":"","metadata":)";
  r.body += operation_json;
  r.body += "}\n";
  return r;
}

int status_of(errc code) {
  switch (code) {
    case errc::bad_request:
      return 400;
    case errc::forbidden:
      return 403;
    case errc::not_found:
      return 404;
    case errc::conflict:
      return 409;
    case errc::changed:
      return 412;
    case errc::too_large:
      return 413;
    case errc::not_implemented:
      return 501;
    case errc::refused:
    case errc::corrupt:
      return 500;
    case errc::busy:
    case errc::not_leader:
    case errc::no_quorum:
    case errc::unavailable:
      return 503;
    case errc::unknown_outcome:
    case errc::timed_out:
      return 504;
  }
  return 500;
}

response error(const failure& why) { return error(status_of(why.code), why.detail); }

response error(int status, std::string_view text) {
  json_writer w;
  w.begin_object().field("type", "error").field("status", "").field("status_code", 0);
  w.field("operation", "").field("error_code", status).field("error", text);
  w.key("metadata").null().end_object();
  response r;
  r.status = status;
  r.body = w.take() + "\n";
  r.headers["X-Content-Type-Options"] = "nosniff";
  if (status == 503) r.headers["Retry-After"] = "1";
  return r;
}

std::string etag_of(std::string_view writable_json) {
  return "\"" + sha256_hex(writable_json) + "\"";
}

status check_etag(const request& r, const std::function<std::string()>& writable_json) {
  auto sent = r.header("if-match");
  if (sent.empty()) return ok();
  const auto strip = [](std::string text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
      text = text.substr(1, text.size() - 2);
    return text;
  };
  sent = strip(std::move(sent));
  const auto now = strip(etag_of(writable_json()));
  if (sent == now) return ok();
  return fail(errc::changed, "ETag doesn't match: " + now + " vs " + sent);
}

}  // namespace muster::http
