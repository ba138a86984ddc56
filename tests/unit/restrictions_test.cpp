#include "tests/unit/state_world.hpp"

using namespace muster;

namespace {

project_id a_project(world& w, string_map config) {
  project p;
  p.name = "p" + std::to_string(w.index);
  p.config = std::move(config);
  p.config["features.profiles"] = "true";
  const auto made = w.apply(create_object{p});
  BOOST_REQUIRE_MESSAGE(made.done, made.why.detail);
  return {made.id.value};
}

instance an_instance(project_id where, const std::string& name, string_map config,
                     device_map devices = {}, std::vector<std::string> profiles = {}) {
  instance i;
  i.head.project = where;
  i.name = name;
  i.owner = {1};
  i.config = std::move(config);
  i.devices = std::move(devices);
  i.profiles = std::move(profiles);
  return i;
}

status outcome_of(const outcome& o) { return o.done ? ok() : status(o.why); }

/// Each way in which a configuration comes to an instance; whether one let it pass.
std::vector<std::string> ways_that_let_pass(const string_map& project_config,
                                            const string_map& config, const device_map& devices) {
  std::vector<std::string> passed;
  {
    auto w = cluster_of_one();
    const auto p = a_project(w, project_config);
    if (w.apply(create_object{an_instance(p, "c1", config, devices)}).done)
      passed.emplace_back("create");
  }
  {
    auto w = cluster_of_one();
    const auto p = a_project(w, project_config);
    const auto made = w.apply(create_object{an_instance(p, "c1", {})});
    auto next = an_instance(p, "c1", config, devices);
    next.head.id = made.id;
    if (w.apply(replace_object{next, {}}).done) passed.emplace_back("update");
  }
  {
    auto w = cluster_of_one();
    const auto p = a_project(w, project_config);
    profile bad;
    bad.head.project = p;
    bad.name = "bad";
    bad.config = config;
    bad.devices = devices;
    BOOST_REQUIRE(w.apply(create_object{bad}).done);
    if (w.apply(create_object{an_instance(p, "c1", {}, {}, {"bad"})}).done)
      passed.emplace_back("create with a profile");
    const auto made = w.apply(create_object{an_instance(p, "c2", {})});
    auto next = an_instance(p, "c2", {}, {}, {"bad"});
    next.head.id = made.id;
    if (w.apply(replace_object{next, {}}).done) passed.emplace_back("a profile is added");
  }
  {
    auto w = cluster_of_one();
    const auto p = a_project(w, project_config);
    profile mine;
    mine.head.project = p;
    mine.name = "mine";
    const auto made = w.apply(create_object{mine});
    BOOST_REQUIRE(w.apply(create_object{an_instance(p, "c1", {}, {}, {"mine"})}).done);
    mine.head.id = made.id;
    mine.config = config;
    mine.devices = devices;
    if (w.apply(replace_object{mine, {}}).done) passed.emplace_back("the profile is changed");
  }
  {
    auto w = cluster_of_one();
    const auto p = a_project(w, {});
    BOOST_REQUIRE(w.apply(create_object{an_instance(p, "c1", config, devices)}).done);
    auto row = *w.state.row<project>({}, {p.value});
    for (const auto& [key, value] : project_config) row.config[key] = value;
    if (w.apply(replace_object{row, {}}).done) passed.emplace_back("the project is restricted");
  }
  return passed;
}

const string_map restricted{{"restricted", "true"}};

string_map with(string_map config, const std::string& key, const std::string& value) {
  config[key] = value;
  return config;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(restrictions)

BOOST_AUTO_TEST_CASE(what_is_restricted_comes_in_by_no_way) {
  const std::vector<std::string> none;
  for (const auto* value : {"true", "1", "YES", "on"})
    BOOST_TEST(ways_that_let_pass(restricted, {{"security.privileged", value}}, {}) == none);
  // CVE-2026-34177: what is not listed may not be set, also what comes later.
  for (const auto* key :
       {"raw.lxc", "raw.apparmor", "security.nesting", "linux.kernel_modules", "x"})
    BOOST_TEST(ways_that_let_pass(restricted, {{key, "1"}}, {}) == none);
  for (const string_map& device :
       {string_map{{"type", "nic"}, {"nictype", "physical"}, {"parent", "eth0"}},
        {{"type", "nic"}, {"nictype", "p2p"}},
        {{"type", "disk"}, {"path", "/mnt"}, {"source", "/"}},
        {{"type", "unix-char"}, {"path", "/dev/kmsg"}},
        {{"type", "proxy"}}})
    BOOST_TEST(ways_that_let_pass(restricted, {}, {{"d", device}}) == none);
}

/// CVE-2026-62313: what is not said is what is forbidden.
BOOST_AUTO_TEST_CASE(a_restriction_that_is_absent_or_empty_forbids) {
  const std::vector<std::string> none;
  const string_map privileged{{"security.privileged", "true"}};
  for (const auto* value : {"", "unprivileged", "isolated"})
    BOOST_TEST(ways_that_let_pass(with(restricted, "restricted.containers.privilege", value),
                                  privileged, {}) == none);
  BOOST_TEST(ways_that_let_pass({{"restricted", "1"}}, privileged, {}) == none);
  const std::size_t all = 6;
  BOOST_TEST(ways_that_let_pass({}, privileged, {}).size() == all);
  BOOST_TEST(ways_that_let_pass({{"restricted", "false"}}, privileged, {}).size() == all);
  BOOST_TEST(ways_that_let_pass(with(restricted, "restricted.containers.privilege", "allow"),
                                privileged, {})
                 .size() == all);
}

BOOST_AUTO_TEST_CASE(what_is_free_stays_free) {
  const device_map devices{{"root", {{"type", "disk"}, {"path", "/"}, {"pool", "p"}}},
                           {"eth0", {{"type", "nic"}, {"network", "br0"}}}};
  BOOST_TEST(ways_that_let_pass(restricted,
                                {{"limits.cpu", "2"},
                                 {"user.x", "y"},
                                 {"environment.A", "1"},
                                 {"security.privileged", "false"}},
                                devices)
                 .size() == 6U);
  const std::vector<std::string> none;
  BOOST_TEST(ways_that_let_pass(with(restricted, "restricted.devices.nic", "block"), {}, devices) ==
             none);
  BOOST_TEST(ways_that_let_pass(with(restricted, "restricted.networks.access", "br1"), {},
                                devices) == none);
  BOOST_TEST(
      ways_that_let_pass(with(restricted, "restricted.networks.access", "br1,br0"), {}, devices)
          .size() == 6U);
}

BOOST_AUTO_TEST_CASE(instances_are_counted) {
  auto w = cluster_of_one();
  const auto p = a_project(w, {{"limits.containers", "2"}});
  const auto create = [&](const std::string& name) {
    return outcome_of(w.apply(create_object{an_instance(p, name, {})}));
  };
  BOOST_TEST(create("c1").ok());
  BOOST_TEST(create("c2").ok());
  const auto third = create("c3");
  BOOST_REQUIRE(!third.ok());
  const auto name = w.state.row<project>({}, {p.value})->name;
  BOOST_TEST(third.error().detail ==
             "Reached maximum number of instances of type \"container\" in project \"" + name +
                 "\"");
  auto row = *w.state.row<project>({}, {p.value});
  row.config["limits.containers"] = "1";
  BOOST_TEST(!w.apply(replace_object{row, {}}).done);
  row.config["limits.containers"] = "3";
  BOOST_TEST(w.apply(replace_object{row, {}}).done);
  BOOST_TEST(create("c3").ok());
}

BOOST_AUTO_TEST_CASE(limits_are_summed_over_instances) {
  auto w = cluster_of_one();
  const auto p = a_project(w, {{"limits.memory", "3GiB"}, {"limits.cpu", "4"}});
  const auto create = [&](const std::string& name, const char* memory, const char* cpu) {
    return w.apply(
        create_object{an_instance(p, name, {{"limits.memory", memory}, {"limits.cpu", cpu}})});
  };
  BOOST_TEST(!w.apply(create_object{an_instance(p, "none", {})}).done);
  BOOST_TEST(!create("share", "10%", "1").done);
  const auto first = create("c1", "1GiB", "2");
  BOOST_TEST(first.done);
  BOOST_TEST(!create("c2", "2049MiB", "1").done);
  BOOST_TEST(!create("c2", "1GiB", "3").done);
  BOOST_TEST(!create("c2", "17179869183GiB", "1").done);
  BOOST_TEST(create("c2", "2GiB", "2").done);
  auto grown = an_instance(p, "c1", {{"limits.memory", "1025MiB"}, {"limits.cpu", "2"}});
  grown.head.id = first.id;
  BOOST_TEST(!w.apply(replace_object{grown, {}}).done);
  grown.config["limits.memory"] = "512MiB";
  BOOST_TEST(w.apply(replace_object{grown, {}}).done);
  grown.config.erase("limits.memory");
  BOOST_TEST(!w.apply(replace_object{grown, {}}).done);
}

BOOST_AUTO_TEST_CASE(disks_are_summed_in_all_and_by_pool) {
  auto w = cluster_of_one();
  const auto p = a_project(w, {{"limits.disk", "30GiB"},
                               {"limits.disk.pool.fast", "10GiB"},
                               {"limits.disk.pool.barred", "0"}});
  const auto create = [&](const std::string& name, const char* pool, const char* size) {
    device_map devices{{"root", {{"type", "disk"}, {"path", "/"}, {"pool", pool}}}};
    if (*size) devices["root"]["size"] = size;
    return w.apply(create_object{an_instance(p, name, {}, devices)}).done;
  };
  BOOST_TEST(!create("c1", "slow", ""));
  BOOST_TEST(create("c1", "fast", "10GiB"));
  BOOST_TEST(!create("c2", "fast", "1MiB"));
  BOOST_TEST(!create("c2", "barred", "1MiB"));
  BOOST_TEST(create("c2", "slow", "20GiB"));
  BOOST_TEST(!create("c3", "slow", "1MiB"));
}

BOOST_AUTO_TEST_SUITE_END()
