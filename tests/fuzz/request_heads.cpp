#include "http/message/filter.hpp"
#include "http/message/json_reader.hpp"
#include "http/server/quick_request.hpp"
#include "http/server/request_server.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

/// A request from a client that may say anything, through the parsers that hear it first.
namespace {

using namespace muster;
using namespace muster::http;
using fuzz::expect;
using fuzz::text;

/// One request as a parser understood it.
struct heard {
  std::string method;
  std::string target;
  std::string body;
  std::size_t left = 0;  ///< bytes behind it
  bool operator==(const heard&) const = default;
};
std::optional<heard> by_worker;

void look_at(const request& r) {
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
}

response answer(request& r) {
  look_at(r);
  by_worker = {r.method, r.target, r.body};
  if (r.read_body) (void)r.read_body([](std::string_view) { return ok(); }).ok();
  response out;
  out.body = percent_encode(r.path);
  return out;
}

class wired {
public:
  wired() {
    expect(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends_) == 0);
    ::shutdown(ends_[1], SHUT_WR);  // the client has said all and listens
    on = std::make_unique<connection>(std::make_shared<tls::stream>(ends_[0], nullptr));
  }
  ~wired() { ::close(ends_[1]); }
  wired(const wired&) = delete;
  wired& operator=(const wired&) = delete;
  std::unique_ptr<connection> on;

private:
  int ends_[2];
};

/// As the loop takes it when it comes in parts.
std::optional<heard> take(std::string_view input, std::size_t part_bytes) {
  wired w;
  for (std::size_t at = 0; at < input.size(); at += part_bytes) {
    const auto part = input.substr(at, part_bytes);
    w.on->in += part;
    const auto found = take_quick(*w.on, [](const request&) { return true; });
    if (found.what == taken::need_more) continue;
    if (found.what != taken::quick) return std::nullopt;
    look_at(*found.whole);
    return heard{found.whole->method, found.whole->target, found.whole->body,
                 w.on->in.size() + input.size() - std::min(input.size(), at + part.size())};
  }
  return std::nullopt;
}

/// As a worker understands it, behind the loop's fence.
std::optional<heard> serve(std::string_view input) {
  static const front_settings with = [] {
    front_settings s;
    s.handle = answer;
    s.is_quick = [](request&) { return false; };
    s.on_upgrade = [](const std::string&, request&) { return upgrade_answer{}; };
    s.is_upload = [](const std::string& method, const std::string& path) {
      return method == "POST" && path.starts_with("/u");
    };
    return s;
  }();
  static request_server server(with);
  wired w;
  w.on->in = input;
  by_worker.reset();
  if (take_quick(*w.on, with.is_quick).what != taken::other) return std::nullopt;
  const bool goes_on = server.serve(*w.on);
  expect(by_worker || !goes_on);  // what cpp-httplib answers by itself ends the connection
  if (by_worker) by_worker->left = w.on->in.size();
  return by_worker;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = text(data, size);
  const auto end = input.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 > bounds::head_bytes_max) return 0;
  const auto head = input.substr(0, end + 4);
  (void)request_server::asks_for_upgrade(head);
  const auto quick = take(input, input.size());
  expect(quick == take(input, 1 + size % 7));
  const auto worker = serve(input);
  // Two parsers that cut the stream at different places would let one request hide in another.
  if (quick && quick->target.find('#') != std::string::npos) return 0;  // httplib cuts it off there
  if (quick && worker && !worker->target.starts_with("/u")) expect(*quick == *worker);
  return 0;
}
