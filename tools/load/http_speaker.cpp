#include "tools/load/speaker.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace muster::load {

namespace {

std::string base64(std::string_view bytes) {
  static const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    const auto count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      word = word << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= count ? digits[word >> (18 - 6 * k) & 63U] : '=';
  }
  return out;
}

/// As many bytes as asked for; the number in front makes each value another one.
std::string value_of(const question& q, std::uint64_t number) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%012llu", static_cast<unsigned long long>(number));
  std::string value(digits);
  value.resize(q.value_bytes, 'v');
  return value;
}

class http_speaker final : public speaker {
public:
  http_speaker(const question& q, int client) : q_(q), client_(client) {}

  void greet(std::string&) override {}

  void ask(std::string& out, std::uint64_t number) override {
    const auto body = filled(q_.body, q_, client_, number);
    out += q_.method;
    out += ' ';
    out += filled(q_.path, q_, client_, number);
    out += " HTTP/1.1\r\nHost: m\r\n";
    if (!body.empty() || q_.method != "GET") {
      out += "Content-Type: application/json\r\nContent-Length: ";
      out += std::to_string(body.size());
      out += "\r\n";
    }
    out += "\r\n";
    out += body;
  }

  answer take(std::string& in, std::string&) override {
    const auto head = in.find("\r\n\r\n");
    if (head == std::string::npos) return answer::none;
    const auto size = content_length({in.data(), head + 2});
    if (size == std::string::npos) return answer::broken;
    if (in.size() < head + 4 + size) return answer::none;
    const int status = std::atoi(in.c_str() + 9);
    if (status >= 400) shown_ = in;
    in.erase(0, head + 4 + size);
    return status >= 200 && status < 400 ? answer::good : answer::refused;
  }

  [[nodiscard]] std::string shown() const override { return shown_; }

private:
  /// npos: there is none, and no other way to find the end is known here.
  static std::size_t content_length(std::string_view head) {
    static constexpr std::string_view name = "content-length:";
    for (auto at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
      const auto line = head.substr(at + 2, name.size());
      bool is_it = line.size() == name.size();
      for (std::size_t i = 0; is_it && i < name.size(); ++i)
        is_it = std::tolower(static_cast<unsigned char>(line[i])) == name[i];
      if (is_it) return std::strtoull(head.data() + at + 2 + name.size(), nullptr, 10);
    }
    return std::string::npos;
  }

  question q_;
  int client_;
  std::string shown_;
};

/// The bare limit's protocol: a value of fixed size there, eight bytes back.
class raw_speaker final : public speaker {
public:
  explicit raw_speaker(const question& q) : value_(q.value_bytes, 'v') {}
  void greet(std::string&) override {}
  void ask(std::string& out, std::uint64_t) override { out += value_; }
  answer take(std::string& in, std::string&) override {
    if (in.size() < 8) return answer::none;
    in.erase(0, 8);
    return answer::good;
  }
  [[nodiscard]] std::string shown() const override { return {}; }

private:
  std::string value_;
};

}  // namespace

std::string filled(const std::string& text, const question& q, int client, std::uint64_t number) {
  std::string out;
  out.reserve(text.size() + q.value_bytes * 2);
  char digits[16];
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'c':
        std::snprintf(digits, sizeof digits, "%04d", client);
        out += digits;
        break;
      case 'n':
        std::snprintf(digits, sizeof digits, "%012llu", static_cast<unsigned long long>(number));
        out += digits;
        break;
      case 'v':
        out += value_of(q, number);
        break;
      case 'b':
        out += base64(value_of(q, number));
        break;
      default:
        (out += '%') += text[i];
    }
  }
  return out;
}

std::unique_ptr<speaker> make_http(const question& q, int client) {
  return std::make_unique<http_speaker>(q, client);
}

std::unique_ptr<speaker> make_raw(const question& q) { return std::make_unique<raw_speaker>(q); }

}  // namespace muster::load
