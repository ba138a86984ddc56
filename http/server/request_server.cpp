#include "http/server/request_server.hpp"

#include "actors/host/background.hpp"
#include "http/message/envelope.hpp"
#include "schemas/basic/text_rules.hpp"

#include <httplib.h>

#include <algorithm>
#include <charconv>
#include <future>

namespace muster::http {

namespace {

/// httplib's view of a connection. Head and body leave in one write.
class connection_stream final : public httplib::Stream {
public:
  explicit connection_stream(connection& c) : c_(c), began_(clock::now()) {}
  bool is_readable() const override { return true; }
  bool is_writable() const override { return !failed_; }
  ssize_t read(char* to, size_t size) override {
    flush();  // "100 Continue" must go out before the body comes
    // Who sends slowly without end is not waited for.
    const auto due = began_ + bounds::body_time_min +
                     std::chrono::seconds(bytes_ / bounds::body_bytes_per_second);
    auto n = c_.read(to, size, std::min(due, clock::now() + bounds::body_time_max));
    if (!n) return -1;
    bytes_ += *n;
    return static_cast<ssize_t>(*n);
  }
  ssize_t write(const char* from, size_t size) override {
    out_.append(from, size);
    if (out_.size() > (64u << 10) && !flush()) return -1;
    return static_cast<ssize_t>(size);
  }
  bool flush() {
    if (!out_.empty() && !failed_)
      failed_ = !c_.stream->write_all(out_, clock::now() + bounds::body_time_max);
    out_.clear();
    return !failed_;
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = c_.peer.address;
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return 0; }  // keeps httplib from its own select()
  void skip(std::size_t size) {
    char part[4096];
    while (size > 0) {
      const auto n = read(part, std::min(size, sizeof part));
      if (n <= 0) return;
      size -= static_cast<std::size_t>(n);
    }
  }

private:
  connection& c_;
  const clock::time_point began_;
  std::size_t bytes_ = 0;
  std::string out_;
  bool failed_ = false;
};

thread_local connection* current = nullptr;
thread_local connection_stream* current_stream = nullptr;
thread_local bool was_asked = false;  ///< a handler has run: httplib did not answer by itself

std::shared_ptr<request> from_httplib(const httplib::Request& in) {
  auto made = std::make_shared<request>();
  auto& r = *made;
  r.method = in.method;
  r.target = in.target;
  for (const auto& [name, value] : in.headers)
    if (name != "REMOTE_ADDR" && name != "LOCAL_ADDR") r.headers[text_rules::lower(name)] = value;
  if (!current->range.empty()) r.headers["range"] = current->range;
  r.peer = current->peer;
  r.arrived = clock::now();
  return made;
}

/// On a worker an answer that comes later is waited for.
response waited_for(response r) {
  while (r.later) {
    const auto promise = std::make_shared<std::promise<std::function<response()>>>();
    auto made = promise->get_future();
    r.later([promise](std::function<response()> make) { promise->set_value(std::move(make)); });
    if (made.wait_for(bounds::later_time_max) != std::future_status::ready) {
      if (!r.waits) return error(504, "no answer in time; look before you repeat it");
      if (r.waits->on_gone) r.waits->on_gone();
      return r.waits->at_deadline();
    }
    r = made.get()();
  }
  return r;
}

void to_httplib(response r, httplib::Response& out) {
  out.status = r.status;
  for (const auto& [name, value] : r.headers) out.set_header(name, value);
  if (!r.parts) {
    if (!r.content_type.empty()) out.set_content(r.body, r.content_type);
    return;
  }
  auto give = [next = r.parts, quiet = std::shared_ptr<host::background>()](
                  size_t, httplib::DataSink& sink) mutable {
    if (!quiet) quiet = std::make_shared<host::background>();
    auto part = next();
    if (!part) return false;
    if (part->empty()) {
      sink.done();
      return true;
    }
    return sink.write(part->data(), part->size());
  };
  if (r.parts_bytes != 0)
    out.set_content_provider(r.parts_bytes, r.content_type,
                             [give](size_t offset, size_t, httplib::DataSink& sink) mutable {
                               return give(offset, sink);
                             });
  else
    out.set_chunked_content_provider(r.content_type, give);
}

}  // namespace

struct request_server::impl final : httplib::Server {
  explicit impl(const front_settings& s) : with(s) {
    svr_sock_ = 0;  // httplib gives up on bodies when it believes that its own socket is closed
    set_keep_alive_timeout(bounds::idle_time_max.count());
    set_keep_alive_max_count(1u << 20);
    set_payload_max_length(std::numeric_limits<std::size_t>::max());
    const auto plain = [this](const httplib::Request& in, httplib::Response& out) {
      std::size_t size = 0;  // a body on GET is allowed and ignored
      const auto length = in.get_header_value("Content-Length");
      std::from_chars(length.data(), length.data() + length.size(), size);
      if (size > bounds::body_bytes_max || in.has_header("Transfer-Encoding"))
        current->must_close = true;
      else
        current_stream->skip(size);
      answer(in, nullptr, out);
    };
    const auto with_body = [this](const httplib::Request& in, httplib::Response& out,
                                  const httplib::ContentReader& reader) {
      answer(in, &reader, out);
    };
    Get(".*", plain);
    Options(".*", plain);
    Post(".*", with_body);
    Put(".*", with_body);
    Patch(".*", with_body);
    Delete(".*", with_body);
  }

  void answer(const httplib::Request& in, const httplib::ContentReader* reader,
              httplib::Response& out) const {
    was_asked = true;
    const auto kept = from_httplib(in);
    auto& r = *kept;
    if (auto parsed = parse_target(r); !parsed) return to_httplib(error(parsed.error()), out);
    answer_target(r, in, reader, out);
    if (current->must_close) out.set_header("Connection", "close");
  }

  void answer_target(request& r, const httplib::Request& in, const httplib::ContentReader* reader,
                     httplib::Response& out) const {
    try {
      to_httplib(waited_for(handle(r, in, reader)), out);
      if (!r.trace.empty()) out.set_header("X-Muster-Request", r.trace);
    } catch (const std::exception& e) {  // a library's; ours are results
      to_httplib(error(500, std::string("Internal error: ") + e.what()), out);
    }
  }

  response handle(request& r, const httplib::Request& in,
                  const httplib::ContentReader* reader) const {
    const bool has_body = reader != nullptr;
    if (has_body && in.is_multipart_form_data()) {
      current->must_close = true;
      return error(400, "split images are not supported: send one unified tarball");
    }
    if (has_body && with.is_upload(r.method, r.path)) {
      bool whole = false;
      r.read_body = [&](const std::function<status(std::string_view)>& take) -> status {
        const host::background quiet;
        status taken = ok();
        whole = (*reader)([&](const char* data, size_t size) {
          taken = take({data, size});
          return taken.ok();
        });
        if (!taken) return taken;
        return whole ? ok() : fail(errc::bad_request, "the upload ended early");
      };
      auto answer = with.handle(r);
      current->must_close = current->must_close || !whole;
      return answer;
    }
    if (has_body) {
      std::size_t seen = 0;
      const bool whole = (*reader)([&](const char* data, size_t size) {
        seen += size;
        if (seen > bounds::body_bytes_max) return false;
        r.body.append(data, size);
        return true;
      });
      const bool too_large = seen > bounds::body_bytes_max;
      if (!whole) current->must_close = true;
      if (too_large) return error(413, "Request body is too large");
      if (!whole) return error(400, "the request's body ended early");
    }
    return with.handle(r);
  }

  bool run(connection_stream& s, bool is_last) {
    bool closed = false;
    was_asked = false;
    const bool good = process_request(s, is_last, closed, [](httplib::Request&) {});
    // An answer of its own says nothing about where the request ends.
    return good && !closed && was_asked;
  }

  const front_settings& with;
};

request_server::request_server(const front_settings& with) : impl_(std::make_unique<impl>(with)) {}
request_server::~request_server() = default;

bool request_server::serve(connection& c) {
  connection_stream s(c);
  current = &c;
  current_stream = &s;
  const bool keep = impl_->run(s, c.must_close);
  c.forget_taken();
  c.range.clear();
  current = nullptr;
  current_stream = nullptr;
  return s.flush() && keep && !c.must_close;
}

bool request_server::asks_for_upgrade(std::string_view head) {
  return text_rules::lower(head).find("\r\nupgrade:") != std::string::npos;
}

}  // namespace muster::http
