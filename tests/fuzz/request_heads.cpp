#include "http/front/filter.hpp"
#include "http/front/json_reader.hpp"
#include "http/front/request_server.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <sys/socket.h>
#include <unistd.h>

/// A request from a client that may say anything, through the parsers that hear it first.
namespace {

using namespace muster;
using namespace muster::http;

response look_at(request& r) {
  for (const auto& segment : r.segments) (void)percent_encode(segment);
  auto body = json_object::parse(r.body);
  if (body.ok()) {
    for (const auto& name : body->names()) {
      (void)body->text(name);
      (void)body->flag(name);
      (void)body->number(name);
      (void)body->map(name);
      (void)body->devices(name);
      (void)body->list(name);
      (void)body->objects(name);
      (void)body->object(name).names();
    }
    (void)body->good().ok();
  }
  const auto f = filter::parse(r.parameter("filter"));
  if (f.ok()) (void)f->accepts(r.body);
  if (r.read_body) (void)r.read_body([](std::string_view) { return ok(); }).ok();
  response answer;
  answer.body = percent_encode(r.path);
  return answer;
}

/// The whole input is what the client has sent before it closed.
void serve(std::string_view input, std::size_t head_bytes) {
  static const front_settings with = [] {
    front_settings s;
    s.handle = look_at;
    s.on_upgrade = [](const std::string&, request&) { return upgrade_answer{}; };
    s.is_upload = [](const std::string& method, const std::string& path) {
      return method == "POST" && path.starts_with("/u");
    };
    return s;
  }();
  static request_server server(with);
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return;
  {
    connection c(std::make_shared<tls::stream>(ends[0], nullptr));
    c.in = input;
    c.head_bytes = head_bytes;
    ::shutdown(ends[1], SHUT_WR);
    (void)server.serve(c);
  }
  ::close(ends[1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::text(data, size);
  const auto end = input.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 > bounds::head_bytes_max) return 0;
  const auto head = input.substr(0, end + 4);
  (void)request_server::asks_for_upgrade(head);
  if (auto parsed = request_server::parse_head(head, {}); parsed.ok()) (void)look_at(*parsed);
  serve(input, head.size());
  return 0;
}
