#include "tools/load/speaker.hpp"

#include <string_view>
#include <utility>

/// As much of HTTP/2 (RFC 9113) and gRPC as etcd's key-value calls need: one stream after the
/// other, headers written without compression, those that come only counted.
namespace muster::load {

namespace {

enum frame_type : unsigned char {
  data = 0,
  headers = 1,
  rst_stream = 3,
  settings = 4,
  ping = 6,
  goaway = 7,
  window_update = 8
};
constexpr unsigned char end_stream = 1, ack = 1, end_headers = 4;
constexpr std::uint32_t stream_window = 1U << 20;
constexpr std::size_t frame_head_bytes = 9;

void put32(std::string& out, std::uint32_t n) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 255U);
}

std::uint32_t get(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t n = 0;
  for (std::size_t i = 0; i < count; ++i) n = n << 8U | static_cast<unsigned char>(bytes[at + i]);
  return n;
}

void put_frame(std::string& out, frame_type type, unsigned char flags, std::uint32_t stream,
               std::string_view payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  out += static_cast<char>(size >> 16U & 255U);
  out += static_cast<char>(size >> 8U & 255U);
  out += static_cast<char>(size & 255U);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  put32(out, stream);
  out += payload;
}

/// A header of HPACK, not indexed; `name` 0 means that the name is spelled out.
void put_header(std::string& out, unsigned name, std::string_view spelled, std::string_view value) {
  if (name < 15) {
    out += static_cast<char>(name);
  } else {
    out += '\x0f';
    out += static_cast<char>(name - 15);
  }
  if (name == 0) (out += static_cast<char>(spelled.size())) += spelled;
  (out += static_cast<char>(value.size())) += value;
}

void put_varint(std::string& out, std::uint64_t n) {
  for (; n > 127; n >>= 7U) out += static_cast<char>(n | 128U);
  out += static_cast<char>(n);
}

/// A protobuf field that holds bytes.
void put_field(std::string& out, unsigned number, std::string_view bytes) {
  out += static_cast<char>(number << 3U | 2U);
  put_varint(out, bytes.size());
  out += bytes;
}

class grpc_speaker final : public speaker {
public:
  grpc_speaker(const question& q, int client, bool is_tls) : q_(q), client_(client) {
    head_ += '\x83';                    // :method POST
    head_ += is_tls ? '\x87' : '\x86';  // :scheme
    put_header(head_, 4, {}, q.method == "put" ? "/etcdserverpb.KV/Put" : "/etcdserverpb.KV/Range");
    put_header(head_, 1, {}, "m");
    put_header(head_, 31, {}, "application/grpc");
    put_header(head_, 0, "te", "trailers");
  }

  void greet(std::string& out) override {
    out += "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    std::string wanted;
    wanted.append("\x00\x04", 2);  // SETTINGS_INITIAL_WINDOW_SIZE
    put32(wanted, stream_window);
    put_frame(out, settings, 0, 0, wanted);
    give_window(out, stream_window);
  }

  void ask(std::string& out, std::uint64_t number) override {
    std::string message;
    put_field(message, 1, filled(q_.path, q_, client_, number));
    if (q_.method == "put") put_field(message, 2, filled("%v", q_, client_, number));
    if (q_.method == "sget") message.append("\x38\x01", 2);  // serializable
    std::string body(1, '\0');
    put32(body, static_cast<std::uint32_t>(message.size()));
    body += message;
    window_ -= static_cast<std::int64_t>(body.size());
    put_frame(out, headers, end_headers, stream_, head_);
    put_frame(out, data, end_stream, stream_, body);
  }

  answer take(std::string& in, std::string& out) override {
    std::size_t at = 0;
    auto found = answer::none;
    while (found == answer::none && in.size() - at >= frame_head_bytes) {
      const auto size = get(in, at, 3);
      if (in.size() - at < frame_head_bytes + size) break;
      found = take_frame(std::string_view(in).substr(at, frame_head_bytes + size), out);
      at += frame_head_bytes + size;
    }
    in.erase(0, at);
    if (found == answer::good || found == answer::refused) {
      stream_ += 2;
      message_bytes_ = 0;
    }
    return window_ < 0 ? answer::broken : found;
  }

  [[nodiscard]] std::string shown() const override { return "an answer without a message"; }

private:
  void give_window(std::string& out, std::uint32_t bytes) {
    std::string more;
    put32(more, bytes);
    put_frame(out, window_update, 0, 0, more);
  }

  answer take_frame(std::string_view frame, std::string& out) {
    const auto payload = frame.substr(frame_head_bytes);
    const auto flags = static_cast<unsigned char>(frame[4]);
    const auto stream = get(frame, 5, 4);
    switch (static_cast<unsigned char>(frame[3])) {
      case data:
        message_bytes_ += payload.size();
        taken_ += static_cast<std::uint32_t>(payload.size());
        if (taken_ > stream_window / 2) give_window(out, std::exchange(taken_, 0));
        break;
      case settings:
        if (!(flags & ack)) put_frame(out, settings, ack, 0, {});
        return answer::none;
      case ping:
        if (!(flags & ack)) put_frame(out, ping, ack, 0, payload);
        return answer::none;
      case window_update:
        if (stream == 0) window_ += get(payload, 0, 4);
        return answer::none;
      case rst_stream:
        return answer::refused;
      case goaway:
        return answer::broken;
      case headers:
        break;
      default:
        return answer::none;
    }
    if (stream != stream_ || !(flags & end_stream)) return answer::none;
    return message_bytes_ > 0 ? answer::good : answer::refused;  // an error has no message
  }

  question q_;
  int client_;
  std::string head_;
  std::uint32_t stream_ = 1;
  std::uint32_t taken_ = 0;
  std::size_t message_bytes_ = 0;
  std::int64_t window_ = 65535;
};

}  // namespace

std::unique_ptr<speaker> make_grpc(const question& q, int client, bool is_tls) {
  return std::make_unique<grpc_speaker>(q, client, is_tls);
}

}  // namespace muster::load
