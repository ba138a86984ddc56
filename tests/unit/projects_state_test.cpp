#include "schemas/basic/text_rules.hpp"
#include "schemas/projects.hpp"
#include "tests/unit/state_world.hpp"

using namespace muster;

namespace {

project a_project(const std::string& name, bool own_profiles) {
  project p;
  p.name = name;
  p.config["features.images"] = "true";
  if (own_profiles) p.config["features.profiles"] = "true";
  return p;
}

project_id made(world& w, const project& p) {
  const auto done = w.apply(create_object{p});
  BOOST_REQUIRE_MESSAGE(done.done, done.why.detail);
  return {done.id.value};
}

instance in(project_id where, const std::string& name, std::vector<std::string> profiles = {}) {
  instance i;
  i.head.project = where;
  i.name = name;
  i.owner = {1};
  i.profiles = std::move(profiles);
  return i;
}

row_key key(project_id id) { return {table::project, {}, {id.value}}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(projects)

BOOST_AUTO_TEST_CASE(one_that_holds_anything_is_not_deleted) {
  auto w = cluster_of_one();
  const auto p = made(w, a_project("p", true));
  const auto i = w.apply(create_object{in(p, "c1", {"default"})});
  BOOST_REQUIRE(i.done);
  BOOST_TEST(w.apply(erase_object{key(p), {}}).why.detail == "Only empty projects can be removed");
  BOOST_REQUIRE(w.apply(erase_object{{table::instance, p, i.id}, {}}).done);
  profile own;
  own.head.project = p;
  own.name = "web";
  const auto made_profile = w.apply(create_object{own});
  BOOST_TEST(!w.apply(erase_object{key(p), {}}).done);
  BOOST_REQUIRE(w.apply(erase_object{{table::profile, p, made_profile.id}, {}}).done);
  BOOST_TEST(w.apply(erase_object{key(p), {}}).done);
  BOOST_TEST(w.state.all<profile>(p).empty());
}

BOOST_AUTO_TEST_CASE(an_instance_of_an_image_that_has_gone_is_not_created) {
  auto w = cluster_of_one();
  const auto own = made(w, a_project("own", true));
  project sharing;
  sharing.name = "sharing";
  sharing.config["features.images"] = "false";
  const auto shares = made(w, sharing);
  image tiny;
  tiny.head.project = a_profile(w, "x").head.project;
  tiny.fingerprint = std::string(64, 'e');
  const auto kept = w.apply(create_object{tiny});
  BOOST_REQUIRE_MESSAGE(kept.done, kept.why.detail);
  const auto from_tiny = [&](project_id where, const std::string& name) {
    auto i = in(where, name);
    i.image_fingerprint = tiny.fingerprint;
    return w.apply(create_object{i});
  };
  BOOST_TEST(from_tiny(tiny.head.project, "c1").done);
  BOOST_TEST(from_tiny(shares, "c2").done);
  BOOST_TEST(from_tiny(own, "c3").why.detail == "Image not found");
  BOOST_REQUIRE(w.apply(erase_object{{table::image, tiny.head.project, kept.id}, {}}).done);
  BOOST_TEST(from_tiny(tiny.head.project, "c4").why.detail == "Image not found");
  BOOST_TEST(from_tiny(shares, "c5").why.detail == "Image not found");
  BOOST_TEST(w.apply(create_object{in(shares, "c6")}).done);
}

BOOST_AUTO_TEST_CASE(profiles_used_from_another_project_are_in_use_and_follow_a_rename) {
  auto w = cluster_of_one();
  const auto shares = made(w, a_project("shares", false));
  const auto own = made(w, a_project("own", true));
  const auto web = w.apply(create_object{a_profile(w, "web")});
  const row_key web_key{table::profile, a_profile(w, "x").head.project, web.id};
  const auto i = w.apply(create_object{in(shares, "c1", {"default", "web"})});
  BOOST_REQUIRE(w.apply(create_object{in(own, "c2", {"web"})}).done);  // another of that name
  BOOST_TEST(w.apply(erase_object{web_key, {}}).why.detail == "Profile is currently in use");
  BOOST_TEST(w.apply(rename_object{web_key, "site"}).done);
  BOOST_TEST(w.state.row<instance>(shares, i.id)->profiles[1] == "site");
  BOOST_TEST(w.state.by_name<instance>(own, "c2")->profiles[0] == "web");
  BOOST_REQUIRE(w.apply(erase_object{{table::instance, shares, i.id}, {}}).done);
  BOOST_TEST(w.apply(erase_object{web_key, {}}).done);
}

BOOST_AUTO_TEST_CASE(features_change_only_while_nothing_hangs_on_them) {
  auto w = cluster_of_one();
  const auto id = made(w, a_project("p", true));
  BOOST_TEST(w.state.all<profile>(id).size() == 1U);
  auto p = *w.state.row<project>({}, {id.value});
  p.config["features.profiles"] = "false";
  BOOST_TEST(w.apply(replace_object{p, {}}).done);
  BOOST_TEST(w.state.all<profile>(id).empty());
  p.config["features.profiles"] = "true";
  BOOST_TEST(w.apply(replace_object{p, {}}).done);
  BOOST_TEST(w.state.all<profile>(id).size() == 1U);
  BOOST_REQUIRE(w.apply(create_object{in(id, "c1")}).done);
  p.config["features.images"] = "false";
  BOOST_TEST(w.apply(replace_object{p, {}}).why.detail ==
             "Project feature \"features.images\" cannot be disabled on non-empty projects");
  auto common = *w.state.by_name<project>({}, "default");
  common.config["features.images"] = "false";
  BOOST_TEST(w.apply(replace_object{common, {}}).why.detail ==
             "You can't change the features of the default project");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_free_again_opens_nothing) {
  auto w = cluster_of_one();
  const auto p = made(w, a_project("p", true));
  certificate c;
  c.fingerprint = std::string(64, 'c');
  c.restricted = true;
  c.projects = {"p"};
  BOOST_REQUIRE(w.apply(create_object{c}).done);
  BOOST_REQUIRE(w.apply(rename_object{key(p), "q"}).done);
  BOOST_TEST(w.state.all<certificate>().front().projects.front() == "q");
  BOOST_REQUIRE(w.apply(erase_object{key(p), {}}).done);
  BOOST_TEST(w.state.all<certificate>().front().projects.empty());
  c.fingerprint = std::string(64, 'd');
  c.projects = {"nope"};
  BOOST_TEST(w.apply(create_object{c}).why.detail == "Project \"nope\" not found");
}

BOOST_AUTO_TEST_CASE(names_are_checked_where_they_are_applied) {
  auto w = cluster_of_one();
  const std::string bad[] = {
      "", "a\nb", std::string("a\0b", 3), std::string(300, 'x'), "\xff", "a\x7f", "..", "a/b"};
  for (const auto& name : bad) {
    BOOST_TEST(!w.apply(create_object{a_project(name, true)}).done);
    BOOST_TEST(!w.apply(create_object{a_profile(w, name)}).done);
  }
  BOOST_TEST(!w.apply(create_object{a_project("a b", true)}).done);
  BOOST_TEST(w.apply(create_object{a_profile(w, "a b")}).done);
  auto p = a_profile(w, "p");
  p.config["environment.A"] = "1\nlxc.hook.pre-start = /bin/true";
  BOOST_TEST(!w.apply(create_object{p}).done);
  p.config = {{"user.note", "two\nlines"}};
  BOOST_TEST(w.apply(create_object{p}).done);
  p.name = "q";
  p.devices["eth0"] = {{"type", "nic\n"}};
  BOOST_TEST(!w.apply(create_object{p}).done);
  p.devices = {{"eth 0\t", {{"type", "nic"}}}};
  BOOST_TEST(!w.apply(create_object{p}).done);
}

BOOST_AUTO_TEST_CASE(lines_and_texts) {
  using text_rules::is_line;
  BOOST_TEST(is_line("größer"));
  BOOST_TEST(is_line("\xF0\x9F\x90\xB3"));
  for (const std::string text : {"\n", "\t", "\x1b[1m", "\xC2\x85", "\xC0\x80", "\xED\xA0\x80",
                                 "\xF5\x80\x80\x80", "\xE2\x82"})
    BOOST_TEST(!is_line(text));
  BOOST_TEST(text_rules::is_text("a\nb\t"));
  BOOST_TEST(!text_rules::is_text("a\x01"));
  BOOST_TEST(text_rules::percent_encode("a b/ä") == "a%20b%2F%C3%A4");
}

BOOST_AUTO_TEST_SUITE_END()
