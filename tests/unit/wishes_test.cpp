#include "actors/keeper/networks/addresses.hpp"
#include "http/resources/spreads/spread_wishes.hpp"
#include "storage/rows/map_view.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;
using namespace muster::http;

namespace {

/// A cluster of n1 … and what is put into it.
struct world {
  storage::map_view state;
  std::uint64_t index = 0;

  explicit world(int members, bool enabled = true) {
    cluster c;
    c.head.id = {1};
    c.enabled = enabled;
    put(c);
    for (int i = 1; i <= members; ++i) {
      member m;
      m.head.id = {static_cast<std::uint64_t>(i)};
      m.name = "n" + std::to_string(i);
      put(m);
    }
  }
  void put(object row) {
    row_changes changes;
    if (is_named(table_of(row)))
      changes.names[{table_of(row), {}, std::string(name_of(row))}] = head_of(row).id;
    const auto key = key_of(row);
    changes.rows[key] = std::make_shared<const object>(std::move(row));
    state.write(changes, {++index});
  }
  /// Carries out what a wish came to; gives why not.
  std::string take(const result<command_body>& body) {
    if (!body) return body.error().detail;
    if (const auto* made = std::get_if<create_object>(&*body)) {
      object row = made->value;
      head_of(row).id = {100};
      put(row);
    } else {
      put(std::get<replace_object>(*body).value);
    }
    return {};
  }
};

spread_wish a_pool(const char* target = "", string_map config = {}) {
  spread_wish w;
  w.name = "p";
  w.kind = "dir";
  w.target = target;
  w.config = std::move(config);
  w.self = {1};
  return w;
}

std::uint64_t some_number() {
  static std::uint64_t n = 0;
  return n++;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(wishes)

BOOST_AUTO_TEST_CASE(each_member_defines_before_all_create) {
  world w(2);
  BOOST_TEST(w.take(create_on_all(w.state, a_pool(), some_number)) ==
             "Pool not pending on any node (use --target <node> first)");
  BOOST_TEST(w.take(define_on_member(w.state, a_pool("n1", {{"source", "/a"}}))) == "");
  BOOST_TEST(w.take(define_on_member(w.state, a_pool("n1"))) ==
             "The storage pool already defined on member \"n1\"");
  BOOST_TEST(w.take(create_on_all(w.state, a_pool(), some_number)) ==
             "Pool not defined on nodes: n2");
  BOOST_TEST(w.take(define_on_member(w.state, a_pool("n2", {{"user.a", "1"}}))) ==
             "Config key \"user.a\" may not be used as member-specific key");
  BOOST_TEST(w.take(define_on_member(w.state, a_pool("n2"))) == "");
  BOOST_TEST(w.take(create_on_all(w.state, a_pool("", {{"source", "/x"}}), some_number)) ==
             "Config key \"source\" is cluster member specific");
  BOOST_TEST(w.take(create_on_all(w.state, a_pool("", {{"user.a", "1"}}), some_number)) == "");
  const auto p = *w.state.by_name<storage_pool>({}, "p");
  BOOST_TEST(!p.across.is_pending);
  BOOST_CHECK((p.config == string_map{{"user.a", "1"}}));
  BOOST_CHECK((p.across.parts.at({1}).config == string_map{{"source", "/a"}}));
  BOOST_TEST(w.take(create_on_all(w.state, a_pool(), some_number)) ==
             "The storage pool is already created");
}

BOOST_AUTO_TEST_CASE(one_server_creates_at_once_with_keys_of_both_kinds) {
  for (const bool enabled : {false, true}) {
    world w(1, enabled);
    const auto wish = a_pool("", {{"source", "/a"}, {"user.a", "1"}});
    BOOST_TEST(w.take(create_on_all(w.state, wish, some_number)) == "");
    const auto p = *w.state.by_name<storage_pool>({}, "p");
    BOOST_CHECK((shown_config(p, member_id{1}) == wish.config));
    BOOST_CHECK((shown_config(p, std::nullopt) == string_map{{"user.a", "1"}}));
  }
  world w(1, false);
  BOOST_TEST(w.take(define_on_member(w.state, a_pool("n1"))) ==
             "Target only allowed when clustered");
}

BOOST_AUTO_TEST_CASE(a_change_stays_on_its_side) {
  world w(1);
  w.take(create_on_all(w.state, a_pool("", {{"source", "/a"}, {"user.a", "1"}}), some_number));
  const auto change = [&](spread_wish wish) {
    return w.take(change_spread(w.state, *find_spread(w.state, pool_noun, "p"), std::move(wish),
                                some_number));
  };
  BOOST_TEST(change(a_pool("", {{"source", "/b"}})) ==
             "Config key \"source\" is cluster member specific");
  BOOST_TEST(change(a_pool("n1", {{"user.a", "2"}})) ==
             "Config key \"user.a\" may not be used as member-specific key");
  BOOST_TEST(change(a_pool("n1", {{"source", "/b"}})) ==
             "The \"source\" of a storage pool cannot be changed");
  BOOST_TEST(change(a_pool("", {{"user.b", "2"}})) == "");
  const auto p = *w.state.by_name<storage_pool>({}, "p");
  BOOST_CHECK((shown_config(p, member_id{1}) == string_map{{"source", "/a"}, {"user.b", "2"}}));
}

BOOST_AUTO_TEST_CASE(a_new_bridge_gets_a_subnet_that_is_free) {
  world w(1);
  network other;
  other.head.id = {7};
  other.name = "other";
  other.type = "bridge";
  other.config["ipv4.address"] = "10.0.0.1/16";
  w.put(other);
  string_map config;
  fill_defaults(w.state, "bridge", config, some_number);
  const auto net = keeper::parse_subnet(config["ipv4.address"]);
  BOOST_REQUIRE(net.has_value());
  BOOST_TEST((net->address >> 16) != (10U << 8));
  BOOST_TEST(config["ipv4.nat"] == "true");
  BOOST_TEST(config["ipv6.address"] == "none");
}

BOOST_AUTO_TEST_CASE(dhcp_gives_out_all_but_the_bridge_itself) {
  const auto range = [](const char* text) {
    const auto all = keeper::leases_of(*keeper::parse_subnet(text));
    return keeper::dotted(all.first) + "-" + keeper::dotted(all.last);
  };
  BOOST_TEST(range("10.1.2.1/24") == "10.1.2.2-10.1.2.254");
  BOOST_TEST(range("10.1.2.254/24") == "10.1.2.1-10.1.2.253");
  BOOST_TEST(range("10.1.2.1/30") == "10.1.2.2-10.1.2.2");
  for (const char* bad : {"10.1.2.1", "10.1.2.256/24", "10.1.2.1/31", "10.1.2.1/24x", ""})
    BOOST_TEST(!keeper::parse_subnet(bad).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
