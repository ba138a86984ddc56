#include "actors/link/pump.hpp"
#include "actors/link/tls/tls_identity.hpp"
#include "actors/node/operations.hpp"
#include "actors/node/trust.hpp"
#include "http/message/filter.hpp"
#include "http/message/head.hpp"
#include "http/message/websocket.hpp"
#include "http/server/quick_request.hpp"
#include "http/server/worker_pool.hpp"
#include "storage/rows/map_view.hpp"

#include <boost/test/unit_test.hpp>

#include <ctime>
#include <future>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace muster;
using namespace muster::http;

BOOST_AUTO_TEST_SUITE(door)

namespace {

/// What the loop makes of these bytes.
struct seen {
  taken what;
  int status = 0;  ///< of a refusal
  std::string in;  ///< what a worker would find
};

seen look(const std::string& bytes, admission let_in = {}) {
  int ends[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  ::close(ends[1]);
  connection c(std::make_shared<tls::stream>(ends[0], nullptr));
  c.in = bytes;
  auto got = take_quick(
      c, [](const request& r) { return r.path == "/quick"; },
      [&](const request&) { return let_in; });
  return {got.what, got.answer ? got.answer->status : 0, c.in};
}

bool accepts(const std::string& text, const std::string& json) {
  auto f = filter::parse(text);
  BOOST_REQUIRE_MESSAGE(f.ok(), text);
  return f->accepts(json);
}

}  // namespace

BOOST_AUTO_TEST_CASE(heads_that_could_be_read_in_two_ways) {
  const std::string get = "GET /a HTTP/1.1\r\n";
  BOOST_TEST((look(get + "\r\n").what == taken::other));
  const auto refused = [](const std::string& head) { return look(head + "\r\n").status; };
  BOOST_TEST(refused(get + "A: b\nc: d\r\n") == 400);
  BOOST_TEST(refused(get + "A: b\rc\r\n") == 400);
  BOOST_TEST(refused(get + std::string("A: \0\r\n", 6)) == 400);
  BOOST_TEST(refused(get + " A: b\r\n") == 400);
  BOOST_TEST(refused(get + "A : b\r\n") == 400);
  BOOST_TEST(refused(get + "A\r\n") == 400);
  BOOST_TEST(refused("GET /a HTTP/2.0\r\n") == 400);
  BOOST_TEST(refused("TRACE /a HTTP/1.1\r\n") == 501);
  BOOST_TEST(refused("CONNECT a:1 HTTP/1.1\r\n") == 400);
  BOOST_TEST(refused("GET /" + std::string(600, 'x') + " HTTP/1.1\r\n") == 414);
  BOOST_TEST(refused(get + "A: " + std::string(8001, 'x') + "\r\n") == 431);
  const std::string post = "POST /a HTTP/1.1\r\n";
  BOOST_TEST(refused(post + "Content-Length: 1\r\nContent-Length: 1\r\n") == 400);
  BOOST_TEST(refused(post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") == 400);
  BOOST_TEST(refused(post + "Content-Length: -1\r\n") == 400);
  BOOST_TEST(refused(post + "Content-Length: 1, 1\r\n") == 400);
  BOOST_TEST(refused(post + "Transfer-Encoding: gzip, chunked\r\n") == 501);
  BOOST_TEST(refused("POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n") == 400);
}

BOOST_AUTO_TEST_CASE(what_cpp_httplib_gets) {
  BOOST_TEST(look("GET /a HTTP/1.1\r\nRange: bytes=0-,0-\r\nB: c\r\n\r\n").in ==
             "GET /a HTTP/1.1\r\nB: c\r\n\r\n");
  BOOST_TEST(look("PATCH /a HTTP/1.1\r\nB: c\r\n\r\nrest").in ==
             "PATCH /a HTTP/1.1\r\nB: c\r\nContent-Length: 0\r\n\r\nrest");
}

BOOST_AUTO_TEST_CASE(bodies_wait_in_the_loop) {
  const std::string post = "POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n";
  BOOST_TEST((look(post + "abc").what == taken::need_more));
  BOOST_TEST((look(post + "abcd").what == taken::other));
  admission strange;
  strange.is_stranger = true;
  strange.body_bytes_max = 100'000;
  const auto of = [&](const std::string& framing) {
    return look("POST /a HTTP/1.1\r\n" + framing + "\r\n\r\n", strange);
  };
  BOOST_TEST((of("Content-Length: 100000").what == taken::need_more));
  BOOST_TEST(of("Content-Length: 100001").status == 413);
  BOOST_TEST(of("Transfer-Encoding: chunked").status == 411);
  strange.refusal = response{};
  strange.refusal->status = 403;
  BOOST_TEST(of("Content-Length: 10").status == 403);
}

BOOST_AUTO_TEST_CASE(values_begin_no_header_of_their_own) {
  response r;
  r.headers["Location"] = "/a\r\nSet-Cookie: x";
  const auto bytes = to_bytes(r, true);
  BOOST_TEST(bytes.find("Location: /a__Set-Cookie: x\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_quiet_websocket_is_asked_and_a_goodbye_has_an_end) {
  int ends[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  websocket w(std::make_shared<tls::stream>(ends[0], nullptr), [] {});
  const auto now = http::clock::now();
  BOOST_TEST(w.tend(now));
  char heard[64];
  BOOST_TEST(::recv(ends[1], heard, sizeof heard, 0) == -1);
  BOOST_TEST(w.tend(now + bounds::websocket_ping_period + std::chrono::seconds(1)));
  const auto n = ::recv(ends[1], heard, sizeof heard, 0);
  BOOST_REQUIRE(n > 0);
  BOOST_TEST(std::string(heard, static_cast<std::size_t>(n)) == "\x89\x09keepalive");
  w.close();
  BOOST_TEST(w.tend(http::clock::now()));
  BOOST_TEST(!w.tend(http::clock::now() + bounds::websocket_goodbye_max + std::chrono::seconds(1)));
  ::close(ends[1]);
}

BOOST_AUTO_TEST_CASE(a_reset_end_of_a_pair_turns_no_circles) {
  int client[2];
  int server[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, client) == 0);
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, server) == 0);
  link::pump pump;
  pump.join(std::make_shared<tls::stream>(client[1], nullptr),
            std::make_shared<tls::stream>(server[0], nullptr), "print");
  const std::string much(1u << 16, 'x');
  for (int silent = 0; silent < 20;) {  // until nothing more is taken
    const auto n = ::send(client[0], much.data(), much.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    silent = n > 0 ? 0 : silent + 1;
    if (n <= 0) ::poll(nullptr, 0, 10);
  }
  ::close(client[0]);
  const auto cpu = std::clock();
  ::poll(nullptr, 0, 500);  // what is measured is the time itself
  BOOST_TEST(static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC < 0.25);
  BOOST_TEST(pump.pairs() == 1u);
  pump.cut_off("another");
  BOOST_TEST(pump.pairs() == 1u);
  pump.cut_off("print");
  BOOST_TEST(pump.pairs() == 0u);
  ::close(server[1]);
}

BOOST_AUTO_TEST_CASE(filters_are_regular_expressions) {
  const std::string web = R"({"name":"web1","status":"Running","config":{"user.a":"x"}})";
  BOOST_TEST(accepts("name eq web.*", web));
  BOOST_TEST(accepts("name eq WEB1", web));
  BOOST_TEST(!accepts("name eq web", web));
  BOOST_TEST(accepts("name eq ^web", web));
  BOOST_TEST(accepts("name eq (^web$|^web.*)", web));
  BOOST_TEST(!accepts("name ne web.", web));
  BOOST_TEST(accepts("config.user.a eq [xyz]", web));
  BOOST_TEST(accepts("not (status eq Stopped)", web));
  BOOST_TEST(accepts("not status eq stopped", web));
  BOOST_TEST(!accepts("(name eq c1 or name eq web1) and status eq Stopped", web));
  BOOST_TEST(accepts("(name eq c1 or name eq \"web1\") and status eq running", web));
  for (const char* bad :
       {"status eq", "status", "(status eq Running", "status eq Running)", "status like x",
        "status eq Running and", "and", "not", "()", "name eq (", "name eq a)b", "name eq [z-a]",
        "name eq \"a", "name eq a{1001}", "a eq b or or c eq d"})
    BOOST_TEST(!filter::parse(bad).ok(), bad);
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "(";
  BOOST_TEST(!filter::parse(deep).ok());
}

BOOST_AUTO_TEST_CASE(a_task_that_throws_ends_alone) {
  worker_pool pool(1, 2, 10);
  std::promise<void> done;
  BOOST_TEST(pool.post([] { throw std::runtime_error("x"); }));
  BOOST_TEST(pool.post([&] { done.set_value(); }));
  done.get_future().wait();
}

BOOST_AUTO_TEST_CASE(a_pool_waits_no_longer_than_it_is_told) {
  worker_pool pool(1, 2, 10);
  std::promise<void> begun;
  std::promise<void> may_end;
  BOOST_TEST(pool.post([&] {
    begun.set_value();
    may_end.get_future().wait();
  }));
  begun.get_future().wait();
  BOOST_TEST(!pool.stop(std::chrono::steady_clock::now() + std::chrono::milliseconds(20)));
  may_end.set_value();
  BOOST_TEST(pool.stop(std::chrono::steady_clock::now() + std::chrono::seconds(20)));
}

BOOST_AUTO_TEST_CASE(work_that_throws_fails_its_operation) {
  node::operations all([](const node::operation&) {});
  node::operation o;
  o.uuid = "u";
  o.private_json = "{}";
  std::promise<node::operation> ended;
  std::promise<void> may_begin;
  auto begun = all.start(o, [&](node::operations::handle&) -> status {
    may_begin.get_future().wait();
    throw std::runtime_error("thrown");
  });
  BOOST_REQUIRE(begun.ok());
  BOOST_TEST(
      all.when_ended("u", [&](const node::operation& e) { ended.set_value(e); }).has_value());
  may_begin.set_value();
  const auto end = ended.get_future().get();
  BOOST_TEST((end.now == node::op_status::failure));
  BOOST_TEST(end.error.find("thrown") != std::string::npos);
  BOOST_TEST(end.private_json.empty());
  bool at_once = false;
  (void)all.when_ended("u", [&](const node::operation&) { at_once = true; });
  BOOST_TEST(at_once);
  BOOST_TEST(!all.when_ended("nothing", [](const node::operation&) {}).has_value());
}

BOOST_AUTO_TEST_CASE(unknown_tokens_have_a_budget) {
  node::token_budget budget;
  const auto now = node::token_budget::clock::now();
  int taken_now = 0;
  for (int i = 0; i < 100; ++i) taken_now += budget.take(now) ? 1 : 0;
  BOOST_TEST(taken_now <= limits::token_tries_max);
  BOOST_TEST(taken_now >= limits::token_tries_max - 1);
  BOOST_TEST(budget.take(now + std::chrono::seconds(1)));
}

BOOST_AUTO_TEST_CASE(certificates_tell_their_time) {
  const auto made = tls::make_certificate("m");
  const auto good = tls::validity_of(made.certificate);
  BOOST_REQUIRE(good.ok());
  BOOST_TEST(good->until_s - good->from_s > 9L * 365 * 24 * 3600);
  BOOST_TEST(!tls::validity_of("x").ok());
}

BOOST_AUTO_TEST_CASE(who_loses_rights_is_named) {
  storage::map_view state;
  std::uint64_t index = 0;
  certificate c;
  c.head.id = {7};
  c.type = "client";
  c.pem = tls::make_certificate("m").certificate;
  c.fingerprint = *tls::fingerprint_of(c.pem);
  const auto store = [&](std::optional<certificate> row) {
    row_changes changes;
    changes.rows[key_of(c)] = row ? std::make_shared<const object>(*row) : nullptr;
    state.write(changes, {++index});
  };
  store(c);
  node::trust trust;
  BOOST_TEST(trust.refresh(state, {}).empty());
  const auto until_s = trust.find(c.fingerprint)->good_until_s;
  BOOST_TEST(trust.expired(until_s).empty());
  BOOST_TEST(trust.expired(until_s + 1).size() == 1u);
  BOOST_TEST(trust.refresh(state, {}).empty());
  c.restricted = true;
  store(c);
  BOOST_TEST(trust.refresh(state, {}).size() == 1u);
  store(std::nullopt);
  BOOST_TEST(trust.refresh(state, {}).size() == 1u);
  BOOST_TEST(!trust.find(c.fingerprint).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
