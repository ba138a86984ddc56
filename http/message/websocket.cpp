#include "http/message/websocket.hpp"

#include "actors/link/tls/tls_stream.hpp"
#include "http/message/message.hpp"

#include <openssl/evp.h>
#include <simdjson.h>

namespace muster::http {

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[20];
  EVP_Digest(text.data(), text.size(), digest, nullptr, EVP_sha1(), nullptr);
  unsigned char encoded[32];
  const int n = EVP_EncodeBlock(encoded, digest, sizeof digest);
  return {reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(n)};
}

websocket::websocket(std::shared_ptr<tls::stream> on, std::function<void()> want_write)
    : on_(std::move(on)), want_write_(std::move(want_write)), last_sent_(clock::now()) {}

bool websocket::is_open() const {
  const std::lock_guard guard(lock_);
  return !closing_ && !ended_;
}

std::size_t websocket::backlog_bytes() const {
  const std::lock_guard guard(lock_);
  return closing_ || ended_ ? 0 : out_.size() - written_;
}

void websocket::pause(bool on) {
  if (paused_.exchange(on) && !on) want_write_();
}

bool websocket::wants_write() const {
  const std::lock_guard guard(lock_);
  return !out_.empty();
}

bool websocket::queue(ws_op op, std::string_view data) {
  if (out_.size() - written_ + data.size() > bounds::websocket_queue_bytes_max) return false;
  last_sent_ = clock::now();
  out_ += static_cast<char>(0x80 | static_cast<unsigned char>(op));
  if (data.size() < 126) {
    out_ += static_cast<char>(data.size());
  } else if (data.size() < 65536) {
    out_ += static_cast<char>(126);
    out_ += static_cast<char>(data.size() >> 8);
    out_ += static_cast<char>(data.size() & 0xff);
  } else {
    out_ += static_cast<char>(127);
    for (int shift = 56; shift >= 0; shift -= 8)
      out_ += static_cast<char>(data.size() >> shift & 0xff);
  }
  out_ += data;
  return true;
}

/// Writes what the socket takes; false if it is broken.
bool websocket::flush() {
  bool takes = true;
  while (takes && written_ < out_.size()) {
    std::size_t given = 0;
    const auto got = on_->try_write(out_.data() + written_, out_.size() - written_, given);
    written_ += given;
    if (got == tls::io::closed) return false;
    takes = got == tls::io::done;
  }
  if (written_ > out_.size() / 2) {
    out_.erase(0, written_);
    written_ = 0;
  }
  return true;
}

bool websocket::send(ws_op op, std::string_view data) {
  bool more = false;
  {
    const std::lock_guard guard(lock_);
    if (closing_ || ended_) return false;
    if (!queue(op, data) || !flush()) {
      closing_ = true;
      on_->shutdown();
      return false;
    }
    more = !out_.empty();
  }
  if (more) want_write_();
  return true;
}

void websocket::close(unsigned code, std::string_view why) {
  {
    const std::lock_guard guard(lock_);
    if (closing_ || ended_) return;
    closing_ = true;
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    payload += why.substr(0, 120);
    if (!queue(ws_op::close, payload) || !flush()) {
      on_->shutdown();
      return;
    }
  }
  want_write_();
}

bool websocket::write_more() {
  const std::lock_guard guard(lock_);
  return flush() && !(closing_ && out_.empty());
}

bool websocket::tend(clock::time_point now) {
  bool more = false;
  {
    const std::lock_guard guard(lock_);
    if (ended_) return false;
    if (closing_) return now < last_sent_ + bounds::websocket_goodbye_max;
    if (now < last_sent_ + bounds::websocket_ping_period) return true;
    if (!queue(ws_op::ping, "keepalive")) return true;  // much waits: it is not quiet
    if (!flush()) return false;
    more = !out_.empty();
  }
  if (more) want_write_();
  return true;
}

void websocket::ended() {
  {
    const std::lock_guard guard(lock_);
    if (ended_) return;
    ended_ = true;
  }
  if (on_close) on_close();
}

bool websocket::fail_with(unsigned code) {
  close(code);
  return false;
}

bool websocket::take(std::string_view bytes) {
  in_ += bytes;
  bool whole = true;
  while (whole)
    if (!take_frame(whole)) return false;
  return true;
}

bool websocket::take_frame(bool& whole) {
  whole = false;
  const auto byte = [this](std::size_t i) { return static_cast<unsigned char>(in_[i]); };
  if (in_.size() < 2) return true;
  const bool is_last = byte(0) & 0x80;
  const auto op = static_cast<ws_op>(byte(0) & 15);
  if ((byte(0) & 0x70) || !(byte(1) & 0x80)) return fail_with(1002);  // extensions; unmasked
  std::uint64_t size = byte(1) & 127;
  std::size_t head = 2;
  const std::size_t length_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (length_bytes != 0) {
    if (in_.size() < 2 + length_bytes) return true;
    size = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) size = size << 8 | byte(2 + i);
    head += length_bytes;
  }
  const bool is_control = static_cast<unsigned char>(op) >= 8;
  if (is_control && (size > 125 || !is_last)) return fail_with(1002);
  if (size > bounds::websocket_message_bytes_max ||
      message_.size() + size > bounds::websocket_message_bytes_max)
    return fail_with(1009);
  if (in_.size() < head + 4 + size) return true;
  std::string payload = in_.substr(head + 4, static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < payload.size(); ++i)
    payload[i] = static_cast<char>(payload[i] ^ in_[head + i % 4]);
  in_.erase(0, head + 4 + static_cast<std::size_t>(size));
  whole = true;
  if (is_control) return take_control(op, std::move(payload));
  if ((op == ws_op::more) == (message_op_ == ws_op::more)) return fail_with(1002);
  if (op != ws_op::more && op != ws_op::text && op != ws_op::binary) return fail_with(1002);
  if (op != ws_op::more) message_op_ = op;
  message_ += payload;
  if (!is_last) return true;
  const auto finished = std::exchange(message_op_, ws_op::more);
  auto text = std::exchange(message_, {});
  if (finished == ws_op::text && !simdjson::validate_utf8(text)) return fail_with(1007);
  if (on_message) on_message(finished, std::move(text));
  return true;
}

bool websocket::take_control(ws_op op, std::string payload) {
  if (op == ws_op::ping) {
    send(ws_op::pong, payload);
    return true;
  }
  if (op == ws_op::pong) return true;
  if (op != ws_op::close) return fail_with(1002);
  close(payload.size() >= 2 ? static_cast<unsigned>(static_cast<unsigned char>(payload[0]) << 8 |
                                                    static_cast<unsigned char>(payload[1]))
                            : 1000);
  return false;
}

}  // namespace muster::http
