#include "tools/load/speaker.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster::load;

namespace {

/// A frame of HTTP/2.
std::string frame(char type, char flags, char stream, const std::string& payload) {
  std::string out(9, '\0');
  out[2] = static_cast<char>(payload.size());
  out[3] = type;
  out[4] = flags;
  out[8] = stream;
  return out + payload;
}

const question put_of_etcd{"grpc", "put", "/k/%c", {}, 4};

}  // namespace

BOOST_AUTO_TEST_SUITE(load_test)

BOOST_AUTO_TEST_CASE(blanks_are_filled_in) {
  question q;
  q.value_bytes = 14;
  BOOST_TEST(filled("a%c/%n?x=%y%", q, 7, 42) == "a0007/000000000042?x=%y%");
  BOOST_TEST(filled("%v", q, 0, 42) == "000000000042vv");
  BOOST_TEST(filled("%b", q, 0, 42) == "MDAwMDAwMDAwMDQydnY=");
}

BOOST_AUTO_TEST_CASE(an_http_answer_is_taken_whole_or_not_at_all) {
  const auto s = make_http({"http", "PUT", "/x", "{}", 4}, 0);
  std::string out;
  s->ask(out, 0);
  BOOST_TEST(out.ends_with("Content-Length: 2\r\n\r\n{}"));
  const std::string whole = "HTTP/1.1 201 Created\r\nX: y\r\ncontent-length: 3\r\n\r\nabc";
  for (std::size_t n = 0; n < whole.size(); ++n) {
    auto part = whole.substr(0, n);
    BOOST_TEST((s->take(part, out) == answer::none));
  }
  auto two = whole + whole;
  BOOST_TEST((s->take(two, out) == answer::good));
  BOOST_TEST(two == whole);
}

BOOST_AUTO_TEST_CASE(an_http_refusal_is_not_an_answer) {
  const auto s = make_http({"http", "GET", "/x", {}, 4}, 0);
  std::string out;
  std::string refusal = "HTTP/1.1 503 Error\r\nContent-Length: 0\r\n\r\n";
  BOOST_TEST((s->take(refusal, out) == answer::refused));
  std::string endless = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  BOOST_TEST((s->take(endless, out) == answer::broken));
}

BOOST_AUTO_TEST_CASE(a_grpc_answer_needs_a_message_and_its_end) {
  const auto s = make_grpc(put_of_etcd, 1, true);
  std::string out;
  s->ask(out, 0);
  BOOST_TEST(out.find("/k/0001") != std::string::npos);
  auto in = frame(1, 4, 1, "\x88") + frame(0, 0, 1, std::string(5, '\0'));
  BOOST_TEST((s->take(in, out) == answer::none));
  in = frame(1, 5, 1, "x");
  BOOST_TEST((s->take(in, out) == answer::good));
  s->ask(out, 1);
  in = frame(1, 5, 3, "x");  // headers that end the stream at once: an error
  BOOST_TEST((s->take(in, out) == answer::refused));
}

BOOST_AUTO_TEST_CASE(a_grpc_connection_is_kept_alive_and_its_end_seen) {
  const auto s = make_grpc(put_of_etcd, 1, false);
  std::string out;
  auto in = frame(4, 0, 0, {}) + frame(6, 0, 0, "12345678") + frame(8, 0, 0, std::string(4, '\0'));
  BOOST_TEST((s->take(in, out) == answer::none));
  BOOST_TEST(out == frame(4, 1, 0, {}) + frame(6, 1, 0, "12345678"));
  in = frame(7, 0, 0, std::string(8, '\0'));
  BOOST_TEST((s->take(in, out) == answer::broken));
}

BOOST_AUTO_TEST_SUITE_END()
