#include "schemas/spread.hpp"

#include "actors/state/apply.hpp"
#include "actors/state/spreads/spreads.hpp"
#include "schemas/basic/limits.hpp"
#include "storage/rows/map_view.hpp"

#include <boost/test/unit_test.hpp>

using namespace muster;

namespace {

struct world {
  storage::map_view state;
  std::uint64_t index = 0;
  std::vector<std::string> actions;

  outcome apply(command_body body) {
    state::transaction tx(state);
    tx.begin({++index}, 1000 + index);
    auto done = state::apply(tx, {{}, {"root", "unix", "@"}, {}, std::move(body)});
    for (const auto& e : tx.events()) actions.push_back(e.action);
    state.write(tx.changes(), {index});
    return done;
  }
  storage_pool pool(const std::string& name) const {
    return *state.by_name<storage_pool>({}, name);
  }
  outcome report(const object& row, std::uint64_t on, part_state what, const char* why = "") {
    return apply(report_part{key_of(row), {on}, spread_of(row)->version, what, why, {}});
  }
};

member named(const std::string& name) {
  member m;
  m.name = name;
  m.address = name + ":8443";
  m.fingerprint = "f-" + name;
  return m;
}

void join(world& w, const std::string& name, std::vector<member_key> config = {}) {
  token t;
  t.uuid = "u-" + name;
  t.name = name;
  t.secret_hash = "h-" + name;
  BOOST_REQUIRE(w.apply(create_object{t}).done);
  const auto joined = w.apply(join_member{"h-" + name, named(name), std::move(config)});
  BOOST_REQUIRE_MESSAGE(joined.done, joined.why.detail);
}

world cluster_of_two() {
  world w;
  bootstrap b;
  b.uuid = "u";
  b.first = named("n1");
  b.enabled = true;
  BOOST_REQUIRE(w.apply(b).done);
  join(w, "n2");
  w.actions.clear();
  return w;
}

storage_pool a_pool(const char* name) {
  storage_pool p;
  p.name = name;
  p.driver = "dir";
  return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(spreads)

BOOST_AUTO_TEST_CASE(the_default_pool_asks_nothing_of_anybody) {
  const auto w = cluster_of_two();
  BOOST_TEST(!owes(w.state, {1}));
  BOOST_TEST(!owes(w.state, {2}));
}

BOOST_AUTO_TEST_CASE(a_pending_row_asks_nothing_and_says_nothing_until_it_is_created) {
  auto w = cluster_of_two();
  auto p = a_pool("p");
  p.across.is_pending = true;
  p.across.parts[{1}].config["source"] = "/a";
  BOOST_REQUIRE(w.apply(create_object{p}).done);
  BOOST_TEST(!owes(w.state, {1}));
  BOOST_TEST(w.actions.empty());
  p = w.pool("p");
  p.across.is_pending = false;
  BOOST_REQUIRE(w.apply(replace_object{p, p.head.modified}).done);
  BOOST_TEST(owes(w.state, {1}));
  BOOST_TEST(owes(w.state, {2}));
  BOOST_TEST(w.actions == std::vector<std::string>{"storage-pool-created"},
             boost::test_tools::per_element());
  BOOST_TEST(w.pool("p").across.parts.at({1}).config.at("source") == "/a");
}

BOOST_AUTO_TEST_CASE(a_report_pays_what_is_owed_until_the_next_change) {
  auto w = cluster_of_two();
  BOOST_REQUIRE(w.apply(create_object{a_pool("p")}).done);
  const auto first = w.pool("p");
  BOOST_REQUIRE(w.report(first, 1, part_state::created).done);
  BOOST_TEST(!owes(w.state, {1}));
  BOOST_TEST(owes(w.state, {2}));
  auto changed = w.pool("p");
  changed.config["user.a"] = "b";
  BOOST_REQUIRE(w.apply(replace_object{changed, changed.head.modified}).done);
  BOOST_TEST(owes(w.state, {1}));
  BOOST_REQUIRE(w.report(w.pool("p"), 1, part_state::created).done);
  BOOST_TEST(!w.report(first, 1, part_state::errored).done);
  BOOST_TEST(!owes(w.state, {1}));
}

BOOST_AUTO_TEST_CASE(an_error_raises_a_warning_and_success_settles_it) {
  auto w = cluster_of_two();
  BOOST_REQUIRE(w.apply(create_object{a_pool("p")}).done);
  BOOST_REQUIRE(w.report(w.pool("p"), 2, part_state::errored, "no disk").done);
  BOOST_REQUIRE(w.report(w.pool("p"), 2, part_state::errored, "no disk").done);
  auto all = w.state.all<warning>();
  BOOST_REQUIRE(all.size() == 1U);
  BOOST_TEST(all[0].type == "Storage pool unavailable");
  BOOST_TEST(all[0].count == 2U);
  BOOST_TEST(!owes(w.state, {2}));
  BOOST_REQUIRE(w.report(w.pool("p"), 2, part_state::created).done);
  BOOST_CHECK(w.state.all<warning>()[0].status == warning_status::resolved);
}

BOOST_AUTO_TEST_CASE(who_made_a_part_of_a_deleted_pool_owes_its_removal) {
  auto w = cluster_of_two();
  BOOST_REQUIRE(w.apply(create_object{a_pool("p")}).done);
  BOOST_REQUIRE(w.report(w.pool("p"), 2, part_state::created).done);
  BOOST_REQUIRE(w.apply(erase_object{key_of(w.pool("p")), {}}).done);
  BOOST_TEST(owes(w.state, {1}));  // it may be at it
  BOOST_TEST(owes(w.state, {2}));
  const auto left = w.state.all<leftover>();
  BOOST_REQUIRE(left.size() == 2U);
  BOOST_REQUIRE(w.apply(create_object{a_pool("p")}).done);  // the name is free
  for (const auto& l : left)
    BOOST_REQUIRE(w.apply(report_part{key_of(l), l.on, 0, part_state::created, "", {}}).done);
  BOOST_TEST(w.state.all<leftover>().empty());
  BOOST_TEST(owes(w.state, {2}));  // the new one
}

BOOST_AUTO_TEST_CASE(what_a_member_owes_does_not_grow_without_bound) {
  auto w = cluster_of_two();
  for (std::size_t i = 0; i < limits::leftovers_max + 10; ++i) {
    BOOST_REQUIRE(w.apply(create_object{a_pool("p")}).done);
    BOOST_REQUIRE(w.apply(erase_object{key_of(w.pool("p")), {}}).done);
  }
  BOOST_TEST(w.state.all<leftover>().size() == 2 * limits::leftovers_max);
}

BOOST_AUTO_TEST_CASE(a_joiner_owes_what_is_there_and_gives_its_own_keys) {
  auto w = cluster_of_two();
  network n;
  n.name = "up";
  n.type = "physical";
  BOOST_REQUIRE(w.apply(create_object{n}).done);
  token t;
  t.uuid = "u";
  t.name = "n3";
  t.secret_hash = "h";
  BOOST_REQUIRE(w.apply(create_object{t}).done);
  const auto refused = w.apply(join_member{"h", named("n3")});
  BOOST_TEST(refused.why.detail.starts_with("Missing network \"up\""));
  BOOST_TEST(w.state.all<token>().size() == 1U);  // still good
  const std::vector<member_key> config{{table::network, "up", "parent", "eth1"},
                                       {table::network, "up", "ipv4.address", "x"}};
  BOOST_REQUIRE(w.apply(join_member{"h", named("n3"), config}).done);
  const auto joined = w.state.by_name<network>({}, "up")->across.parts.at({3}).config;
  BOOST_CHECK((joined == string_map{{"parent", "eth1"}}));
  BOOST_TEST(owes(w.state, {3}));
}

BOOST_AUTO_TEST_CASE(a_member_that_goes_takes_its_parts_along) {
  auto w = cluster_of_two();
  BOOST_REQUIRE(w.apply(create_object{a_pool("p")}).done);
  BOOST_REQUIRE(w.report(w.pool("p"), 2, part_state::errored, "no").done);
  state::transaction tx(w.state);
  tx.begin({++w.index}, 1);
  state::forget_parts(tx, {2});
  w.state.write(tx.changes(), {w.index});
  BOOST_TEST(!w.pool("p").across.parts.contains({2}));
  BOOST_TEST(w.state.all<warning>().empty());
}

BOOST_AUTO_TEST_CASE(names_and_use_are_checked) {
  auto w = cluster_of_two();
  BOOST_TEST(!w.apply(create_object{a_pool("a/b")}).done);
  network n;
  n.name = "none";
  BOOST_TEST(!w.apply(create_object{n}).done);
  n.name = "sixteen-letters1";
  BOOST_TEST(!w.apply(create_object{n}).done);
  for (const char* name : {"a#b", "a;b", "a%d", "a@b"}) {
    n.name = name;
    BOOST_TEST(!w.apply(create_object{n}).done, name);
  }
  BOOST_REQUIRE(w.apply(create_object{a_pool("p")}).done);
  auto common = *w.state.by_name<profile>({w.state.by_name<project>({}, "default")->head.id.value},
                                          "default");
  common.devices["root"] = {{"type", "disk"}, {"path", "/"}, {"pool", "p"}};
  BOOST_REQUIRE(w.apply(replace_object{common, {}}).done);
  const auto used = w.apply(erase_object{key_of(w.pool("p")), {}});
  BOOST_TEST(used.why.detail == "The storage pool is currently in use");
}

BOOST_AUTO_TEST_SUITE_END()
