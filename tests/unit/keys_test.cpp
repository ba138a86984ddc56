#include "http/config/instance_keys.hpp"
#include "http/config/project_keys.hpp"
#include "http/routing/endpoints.hpp"
#include "schemas/basic/units.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <set>

using namespace muster;
using namespace muster::http;

BOOST_AUTO_TEST_SUITE(keys)

BOOST_AUTO_TEST_CASE(numbers_with_units) {
  using units::bytes;
  BOOST_TEST(*bytes("512MiB") == 512ULL << 20);
  BOOST_TEST(*bytes("1GB") == 1'000'000'000ULL);
  BOOST_TEST(*bytes("7") == 7ULL);
  for (const char* bad : {"", "MiB", "-1", "1 GiB", "banana", "99999999999999999999999999",
                          "9999999999999999999GiB", "16EiB", "1gib", "1.5GiB", "0x10"})
    BOOST_CHECK_MESSAGE(!bytes(bad), bad);
  BOOST_TEST(*units::bytes_or_percent("50%", 2000) == 1000ULL);
  for (const char* bad : {"0%", "101%", "%", "-5%", "5.5%"})
    BOOST_CHECK_MESSAGE(!units::bytes_or_percent(bad, 2000), bad);
  BOOST_TEST(*units::flag("YES"));
  BOOST_TEST(!*units::flag("off"));
  BOOST_TEST(!units::flag("maybe"));
}

BOOST_AUTO_TEST_CASE(values_are_checked_not_only_names) {
  for (const string_map& good : {string_map{{"limits.cpu", "2"}},
                                 {{"limits.memory", "50%"}},
                                 {{"limits.processes", "100"}},
                                 {{"security.privileged", "1"}},
                                 {{"user.x", "a\nb"}},
                                 {{"cloud-init.user-data", "#\n"}},
                                 {{"limits.cpu", ""}}})
    BOOST_TEST(check_instance_config(good).ok(), good.begin()->first);
  for (const string_map& bad : {string_map{{"limits.cpu", "0"}},
                                {{"limits.cpu", "0-1"}},
                                {{"limits.cpu", "1,3"}},
                                {{"limits.cpu", "abc"}},
                                {{"limits.cpu", "99999999999999999999999999"}},
                                {{"limits.memory", "banana"}},
                                {{"limits.memory", "0"}},
                                {{"limits.processes", "-1"}},
                                {{"security.privileged", "maybe"}},
                                {{"environment.A", "1\n2"}},
                                {{"nonsense", "1"}},
                                {{"raw.lxc", "x"}},
                                {{"security.idmap.isolated", "true"}},
                                {{"limits.cpu.allowance", "much"}},
                                {{"limits.kernel.nofile", "1:2:3"}},
                                {{"boot.autostart", "perhaps"}}})
    BOOST_TEST(!check_instance_config(bad).ok(), bad.begin()->first);
}

BOOST_AUTO_TEST_CASE(devices_that_would_do_nothing_are_refused) {
  const string_map root{{"type", "disk"}, {"path", "/"}, {"pool", "p"}};
  const string_map nic{{"type", "nic"}, {"network", "br0"}, {"name", "eth0"}};
  BOOST_TEST(check_devices({{"root", root}, {"eth0", nic}}).ok());
  BOOST_TEST(check_devices({{"eth0", {{"type", "nic"}, {"nictype", "p2p"}}}}).ok());
  BOOST_TEST(check_devices({{"eth0", {{"type", "none"}}}}).ok());
  for (const string_map& bad : {string_map{},
                                {{"type", "proxy"}},
                                {{"type", "gpu"}},
                                {{"type", "unix-char"}},
                                {{"type", "disk"}, {"path", "/mnt"}, {"source", "/x"}},
                                {{"type", "disk"}, {"path", "/"}},
                                {{"type", "nic"}, {"nictype", "sriov"}, {"parent", "eth0"}},
                                {{"type", "nic"}, {"nictype", "bridged"}},
                                {{"type", "nic"}, {"network", "br0"}, {"ipv4.address", "10.0.0.2"}},
                                {{"type", "nic"}, {"network", "br0"}, {"hwaddr", "zz"}},
                                {{"type", "nic"}, {"network", "br0"}, {"name", "a b"}},
                                {{"type", "nic"}}})
    BOOST_TEST(!check_devices({{"d", bad}}).ok());
}

/// The list of what is accepted and does nothing is what the code says.
BOOST_AUTO_TEST_CASE(keys_without_effect_are_the_ones_that_are_listed) {
  const auto all = keys_without_effect();
  const std::set<std::string> wanted(all.begin(), all.end());
  std::set<std::string> listed;
  std::ifstream file(MUSTER_NO_EFFECT);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("- `")) listed.insert(line.substr(3, line.find('`', 3) - 3));
  if (listed != wanted) {
    std::ofstream fresh("no-effect-yet.md");
    for (const auto& key : all) fresh << "- `" << key << "`\n";
  }
  BOOST_TEST(listed == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(keys_are_described_in_the_shape_of_incus) {
  const auto text = configuration_json();
  for (const char* part : {"{\"configs\":{\"server\":{\"server\":{\"keys\":[{\"backups.",
                           "\"devices\":{\"disk\":{\"keys\":[", "\"nic\":{\"keys\":[",
                           "\"network-bridge\":{\"common\":{\"keys\":[", "{\"user.*\":{"})
    BOOST_CHECK_MESSAGE(text.find(part) != std::string::npos, part);
  std::set<std::string> names;
  for (const auto& t : all_key_tables())
    for (const auto& k : t.keys) {
      BOOST_CHECK_MESSAGE(
          names.insert(std::string(t.of) + "/" + std::string(t.kind) + "/" + std::string(k.name))
              .second,
          k.name);
      BOOST_CHECK_MESSAGE(!k.about.empty(), k.name);
    }
}

/// docs/api.md is what the table says; the text that is wanted lies beside the test's program.
BOOST_AUTO_TEST_CASE(endpoints_are_the_ones_that_are_listed) {
  const auto wanted = endpoints_as_text();
  std::ifstream file(MUSTER_API_TEXT);
  const std::string listed((std::istreambuf_iterator<char>(file)), {});
  if (listed != wanted) std::ofstream("api.md") << wanted;
  BOOST_TEST((listed == wanted));
}

BOOST_AUTO_TEST_SUITE_END()
