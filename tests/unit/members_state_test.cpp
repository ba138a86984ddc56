#include "actors/state/commands/groups.hpp"
#include "tests/unit/state_world.hpp"

using namespace muster;

namespace {

/// Members n1, n2, n3.
world cluster_of_three() {
  auto w = cluster_of_one();
  for (const std::string n : {"2", "3"}) {
    BOOST_REQUIRE(w.apply(create_object{join_token_for("n" + n, "h" + n)}).done);
    BOOST_REQUIRE(w.apply(join_member{"h" + n, named("n" + n, "f" + n)}).done);
  }
  return w;
}

put_group group_of(const std::string& name, std::vector<std::string> members, bool is_new) {
  put_group b;
  b.value.name = name;
  b.is_new = is_new;
  b.sets_members = true;
  b.members = std::move(members);
  return b;
}

member by_name(const world& w, const std::string& name) {
  const auto m = w.state.by_name<member>({}, name);
  BOOST_REQUIRE(m);
  return *m;
}

using names = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(groups)

BOOST_AUTO_TEST_CASE(a_group_is_made_with_members_and_changed) {
  auto w = cluster_of_three();
  BOOST_TEST(w.apply(group_of("gpu", {"n2", "n3"}, true)).done);
  BOOST_CHECK(by_name(w, "n2").groups == (names{"default", "gpu"}));
  BOOST_TEST(w.events.back().action == "cluster-group-created");
  BOOST_TEST(!w.apply(group_of("gpu", {}, true)).done);
  BOOST_TEST(!w.apply(group_of("none", {}, false)).done);
  const auto unknown = w.apply(group_of("gpu", {"zz"}, false));
  BOOST_CHECK(!unknown.done && unknown.why.code == errc::not_found);
  BOOST_TEST(w.apply(group_of("gpu", {"n1"}, false)).done);
  BOOST_CHECK(by_name(w, "n2").groups == names{"default"});
  BOOST_CHECK(by_name(w, "n1").groups == (names{"default", "gpu"}));
}

BOOST_AUTO_TEST_CASE(a_member_keeps_at_least_one_group) {
  auto w = cluster_of_three();
  const auto refused = w.apply(group_of("default", {}, false));
  BOOST_CHECK(!refused.done && refused.why.code == errc::bad_request);
  BOOST_CHECK(by_name(w, "n1").groups == names{"default"});
  BOOST_REQUIRE(w.apply(group_of("gpu", {"n1", "n2"}, true)).done);
  auto only = by_name(w, "n1");
  only.groups = {"gpu"};
  BOOST_REQUIRE(w.apply(replace_object{only, {}}).done);
  BOOST_TEST(w.apply(group_of("gpu", {}, false)).done);
  BOOST_CHECK(by_name(w, "n1").groups == names{"default"});
  BOOST_CHECK(by_name(w, "n2").groups == names{"default"});
}

BOOST_AUTO_TEST_CASE(a_rename_reaches_the_members_and_default_stays) {
  auto w = cluster_of_three();
  BOOST_REQUIRE(w.apply(group_of("a", {"n2"}, true)).done);
  const auto key = key_of(object{*w.state.by_name<cluster_group>({}, "a")});
  BOOST_TEST(!w.apply(rename_object{key, "default"}).done);
  BOOST_TEST(w.apply(rename_object{key, "b"}).done);
  BOOST_CHECK(by_name(w, "n2").groups == (names{"default", "b"}));
  BOOST_TEST(!w.apply(erase_object{key, {}}).done);
  BOOST_TEST(w.apply(group_of("b", {}, false)).done);
  BOOST_TEST(w.apply(erase_object{key, {}}).done);
  const auto common = key_of(object{*w.state.by_name<cluster_group>({}, "default")});
  BOOST_CHECK(w.apply(erase_object{common, {}}).why.code == errc::forbidden);
  BOOST_CHECK(w.apply(rename_object{common, "x"}).why.code == errc::forbidden);
}

BOOST_AUTO_TEST_CASE(a_group_that_binds_an_instance_is_held) {
  auto w = cluster_of_three();
  BOOST_REQUIRE(w.apply(group_of("gpu", {"n1"}, true)).done);
  auto i = an_instance(w, "c1");
  i.config["volatile.cluster.group"] = "gpu";
  BOOST_REQUIRE(w.apply(create_object{i}).done);
  BOOST_TEST(w.apply(group_of("gpu", {}, false)).why.detail ==
             "Cluster group member is currently in use");
  auto m = by_name(w, "n1");
  m.groups = {"default"};
  BOOST_TEST(!w.apply(replace_object{m, {}}).done);
  const auto key = key_of(object{*w.state.by_name<cluster_group>({}, "gpu")});
  BOOST_TEST(!w.apply(rename_object{key, "other"}).done);
}

BOOST_AUTO_TEST_CASE(an_old_log_has_a_default_group_all_the_same) {
  auto w = cluster_of_one();
  row_changes gone;
  const auto key = key_of(object{*w.state.by_name<cluster_group>({}, "default")});
  gone.rows[key] = nullptr;
  gone.names[{table::cluster_group, {}, "default"}] = std::nullopt;
  w.state.write(gone, {++w.index});
  BOOST_TEST(state::all_groups(w.state).size() == 1U);
  auto b = group_of("default", {}, false);
  b.sets_members = false;
  b.value.description = "mine";
  BOOST_TEST(w.apply(b).done);
  BOOST_TEST(w.state.by_name<cluster_group>({}, "default")->description == "mine");
}

BOOST_AUTO_TEST_CASE(a_member_keeps_what_users_may_not_change) {
  auto w = cluster_of_three();
  auto m = by_name(w, "n2");
  m.address = "elsewhere:1";
  m.state = member_state::evacuated;
  m.roles = {"event-hub"};
  BOOST_TEST(w.apply(replace_object{m, {}}).done);
  BOOST_TEST(by_name(w, "n2").address == "n2:8443");
  BOOST_CHECK(by_name(w, "n2").state == member_state::created);
  m.roles = {"database"};
  BOOST_TEST(!w.apply(replace_object{m, {}}).done);
  m.roles = {};
  m.groups = {"none"};
  BOOST_CHECK(w.apply(replace_object{m, {}}).why.code == errc::not_found);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(removal)

BOOST_AUTO_TEST_CASE(only_an_empty_member_goes_without_force) {
  auto w = cluster_of_three();
  const auto n2 = by_name(w, "n2").id();
  auto i = an_instance(w, "c1");
  i.owner = n2;
  BOOST_REQUIRE(w.apply(create_object{i}).done);
  BOOST_TEST(w.apply(remove_member{n2, false}).why.detail ==
             "Node still has the following instances: c1");
  BOOST_TEST(w.apply(remove_member{n2, true}).done);
  BOOST_TEST(w.state.all<instance>().empty());
  BOOST_TEST(w.state.all<member>().size() == 2U);
  BOOST_TEST(w.events.back().action == "cluster-member-removed");
}

BOOST_AUTO_TEST_CASE(images_only_there_go_with_their_aliases) {
  auto w = cluster_of_three();
  const auto n3 = by_name(w, "n3").id();
  const auto where = a_profile(w, "x").head.project;
  const std::string only(64, 'a');
  const std::string both(64, 'b');
  for (const auto& print : {only, both}) {
    image i;
    i.head.project = where;
    i.fingerprint = print;
    i.locations = {n3};
    if (print == both) i.locations = {{1}, n3};
    BOOST_REQUIRE(w.apply(create_object{i}).done);
  }
  image_alias a;
  a.head.project = where;
  a.name = "tiny";
  a.target = w.state.by_name<image>(where, only)->head.id;
  BOOST_REQUIRE(w.apply(create_object{a}).done);
  BOOST_TEST(w.apply(remove_member{n3, false}).why.detail ==
             "Node still has the following images: " + only);
  BOOST_TEST(w.apply(remove_member{n3, true}).done);
  BOOST_TEST(w.state.all<image_alias>().empty());
  BOOST_CHECK(w.state.by_name<image>(where, both)->locations == std::vector<member_id>{{1}});
}

BOOST_AUTO_TEST_CASE(the_last_member_stays) {
  auto w = cluster_of_one();
  BOOST_TEST(w.apply(remove_member{{1}, true}).why.detail ==
             "Member is the only member in the cluster");
}

BOOST_AUTO_TEST_CASE(a_removed_member_is_remembered_and_asks_nothing_any_more) {
  auto w = cluster_of_three();
  const auto n2 = by_name(w, "n2").id();
  BOOST_REQUIRE(w.apply(create_object{a_profile(w, "p")}, {n2, {1}, 1}).done);
  BOOST_REQUIRE(w.apply(remove_member{n2, true}).done);
  const auto kept = w.state.by_name<removed_member>({}, "f2");
  BOOST_REQUIRE(kept);
  BOOST_TEST(kept->name == "n2");
  BOOST_TEST(kept->by == "root");
  BOOST_TEST(kept->forced);
  BOOST_TEST(!w.apply(create_object{a_profile(w, "q")}, {n2, {1}, 2}).done);
  BOOST_TEST(w.state.all<seen_request>(project_id{n2.value}).empty());
  // The same server may come back with a new token.
  BOOST_REQUIRE(w.apply(create_object{join_token_for("n2", "again")}).done);
  const auto joined = w.apply(join_member{"again", named("n2", "f2")});
  BOOST_TEST(joined.done);
  BOOST_TEST(joined.id.value != n2.value);
  BOOST_TEST(w.state.all<removed_member>().empty());
}

BOOST_AUTO_TEST_CASE(an_address_changes_unless_it_is_taken) {
  auto w = cluster_of_three();
  const auto n2 = by_name(w, "n2").id();
  BOOST_CHECK(w.apply(relocate_member{n2, "n3:8443"}).why.code == errc::conflict);
  BOOST_TEST(w.apply(relocate_member{n2, "new:8443"}).done);
  BOOST_TEST(by_name(w, "n2").address == "new:8443");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(cluster_certificate)

BOOST_AUTO_TEST_CASE(tokens_are_sealed_anew_or_nothing_is_done) {
  auto w = cluster_of_one();
  BOOST_REQUIRE(w.apply(create_object{join_token_for("n2", "h")}).done);
  set_cluster_certificate b{"pem", "new print", {}, {}};
  BOOST_CHECK(w.apply(b).why.code == errc::changed);
  b.sealed = {{"uuid-h", "sealed"}};
  BOOST_TEST(w.apply(b).done);
  const auto t = w.state.all<token>().front();
  BOOST_TEST(t.sealed_secret == "sealed");
  BOOST_TEST(t.fingerprint == "new print");
  BOOST_TEST(w.state.only<cluster>()->certificate == "pem");
  // A token of the old certificate comes too late.
  BOOST_CHECK(w.apply(create_object{join_token_for("n3", "late")}).why.code == errc::changed);
}

BOOST_AUTO_TEST_CASE(own_keys_belong_to_one_member) {
  auto w = cluster_of_three();
  const auto n2 = by_name(w, "n2").id();
  set_config b;
  b.own_of = n2;
  b.own_changes = {{"core.metrics_address", ":8444"}};
  b.changes = {{"user.a", "b"}};
  BOOST_TEST(w.apply(b).done);
  BOOST_TEST(by_name(w, "n2").own_config.at("core.metrics_address") == ":8444");
  BOOST_TEST(w.state.only<server_config>()->config.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
