#include "actors/node/join_token.hpp"
#include "actors/node/secrets.hpp"
#include "http/message/envelope.hpp"
#include "http/message/filter.hpp"
#include "http/message/json_reader.hpp"
#include "http/message/json_writer.hpp"
#include "http/message/websocket.hpp"
#include "http/routing/router.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <random>

using namespace muster;
using namespace muster::http;

BOOST_AUTO_TEST_SUITE(json)

BOOST_AUTO_TEST_CASE(bad_json_is_refused_with_its_position) {
  auto bad = json_object::parse("{\"a\": 1,, }");
  BOOST_REQUIRE(!bad.ok());
  BOOST_CHECK(bad.error().code == errc::bad_request);
  BOOST_CHECK(!json_object::parse("[1]").ok());
  BOOST_CHECK(!json_object::parse("").ok());
  BOOST_CHECK(!json_object::parse(std::string(5000, '[')).ok());
}

BOOST_AUTO_TEST_CASE(a_field_of_the_wrong_type_is_named) {
  auto body = json_object::parse(R"({"name": 7, "config": {"a": "b"}})");
  BOOST_REQUIRE(body.ok());
  BOOST_TEST(body->text("name") == "");
  BOOST_REQUIRE(!body->good().ok());
  BOOST_TEST(body->good().error().detail.find("name") != std::string::npos);
  BOOST_TEST(body->map("config")->at("a") == "b");
}

BOOST_AUTO_TEST_CASE(text_is_escaped_as_go_does) {
  json_writer w;
  w.begin_object().field("a", "<&>\"\\\n\x01").end_object();
  BOOST_TEST(w.take() == R"({"a":"\u003c\u0026\u003e\"\\\n\u0001"})");
}

BOOST_AUTO_TEST_CASE(random_bytes_never_crash_the_reader) {
  std::mt19937 chance(4);
  const std::string letters = "{}[]\",:0123456789.eE+-truefalsn \\u\xff\x80";
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (auto n = chance() % 40; n > 0; --n) text += letters[chance() % letters.size()];
    (void)json_object::parse(text).ok();
    (void)json_at(text, "a.b").has_value();
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(requests)

BOOST_AUTO_TEST_CASE(targets_are_decoded_or_refused) {
  request r;
  r.target = "/1.0/profiles/a%20b?project=x%2By&recursion=1";
  BOOST_REQUIRE(parse_target(r).ok());
  BOOST_TEST(r.segments.at(2) == "a b");
  BOOST_TEST(r.parameter("project") == "x+y");
  r.target = "/1.0/%zz";
  BOOST_CHECK(!parse_target(r).ok());
}

BOOST_AUTO_TEST_CASE(filters) {
  const auto accepts = [](const char* text, const char* json) {
    auto f = filter::parse(text);
    return f.ok() && f->accepts(json);
  };
  const char* c1 = R"({"name":"c1","status":"Running","config":{"user.a":"1"}})";
  BOOST_TEST(accepts("", c1));
  BOOST_TEST(accepts("name eq c1", c1));
  BOOST_TEST(!accepts("name ne c1", c1));
  BOOST_TEST(accepts("status eq Running and not name eq c2", c1));
  BOOST_TEST(accepts("name eq x or name eq c1", c1));
  BOOST_CHECK(!filter::parse("name").ok());
}

BOOST_AUTO_TEST_CASE(etags_guard_writes) {
  request r;
  BOOST_CHECK(check_etag(r, [] { return "{}"; }).ok());
  r.headers["if-match"] = etag_of("{}");
  BOOST_CHECK(check_etag(r, [] { return "{}"; }).ok());
  auto changed = check_etag(r, [] { return "{\"a\":1}"; });
  BOOST_CHECK(!changed.ok() && changed.error().code == errc::changed);
}

BOOST_AUTO_TEST_CASE(unknown_paths_and_methods) {
  constexpr std::array table{endpoint{"GET", "/1.0/images/{fingerprint}"},
                             endpoint{"GET", "/1.0/images/aliases"}};
  router routes(table);
  routes.add("GET", "/1.0/images/{fingerprint}", [](const request&, const captures& c) {
    return sync("\"" + c.at("fingerprint") + "\"");
  });
  routes.add("GET", "/1.0/images/aliases",
             [](const request&, const captures&) { return sync("[]"); });
  const auto status = [&](const char* method, const char* target) {
    request r;
    r.method = method;
    r.target = target;
    BOOST_REQUIRE(parse_target(r).ok());
    routes.look_up(r);
    return router::dispatch(r).status;
  };
  BOOST_TEST(status("GET", "/1.0/images/abc") == 200);
  BOOST_TEST(status("GET", "/1.0/images/aliases") == 200);
  BOOST_TEST(status("POST", "/1.0/images/abc") == 501);
  BOOST_TEST(status("GET", "/1.0/nothing") == 404);
}

BOOST_AUTO_TEST_CASE(every_code_has_its_status) {
  BOOST_TEST(status_of(errc::unknown_outcome) == 504);
  BOOST_TEST(status_of(errc::no_quorum) == 503);
  BOOST_TEST(status_of(errc::bad_request) == 400);
  BOOST_TEST(error(503, "x").headers.contains("Retry-After"));
}

BOOST_AUTO_TEST_CASE(websocket_keys) {
  BOOST_TEST(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") ==
             "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 §1.3
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(secrets)

BOOST_AUTO_TEST_CASE(tokens_come_back_and_garbage_is_refused) {
  node::join_token t;
  t.server_name = "n2";
  t.fingerprint = "ab";
  t.addresses = {"10.0.0.1:8443"};
  t.secret = "s";
  auto back = node::decode_join_token(node::encode(t));
  BOOST_REQUIRE(back.ok());
  BOOST_TEST(back->secret == "s");
  for (const char* bad : {"", "x", "e30=", "!!!!", "eyJhIjoxfQ=="})
    BOOST_CHECK(!node::decode_join_token(bad).ok());
}

BOOST_AUTO_TEST_CASE(sealed_secrets_open_with_their_key_only) {
  const auto sealed = node::seal("secret", "key one");
  BOOST_TEST(*node::unseal(sealed, "key one") == "secret");
  BOOST_CHECK(!node::unseal(sealed, "key two").ok());
  BOOST_CHECK(!node::unseal("rubbish", "key one").ok());
}

BOOST_AUTO_TEST_CASE(an_operation_id_names_its_member) {
  BOOST_CHECK(node::member_of_uuid(node::make_uuid({42})) == member_id{42});
  BOOST_CHECK(!node::member_of_uuid("rubbish"));
}

BOOST_AUTO_TEST_SUITE_END()
