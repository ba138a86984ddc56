#include "tests/simulation/scenario/scenario.hpp"

#include "tests/simulation/scenario/scenario_file.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace muster::simulation;

namespace {

struct file {
  explicit file(const std::string& text)
      : path(std::filesystem::temp_directory_path() /
             ("scenario-" + std::to_string(getpid()) + ".txt")) {
    std::ofstream(path) << text;
  }
  ~file() { std::filesystem::remove(path); }
  std::filesystem::path path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(scenarios)

BOOST_AUTO_TEST_CASE(print_as_they_are_parsed) {
  const std::string text = "# why\nmembers voters=1\n----\n  1: x\n\ntick 1\n----\n\n";
  BOOST_TEST(print_scenario(parse_scenario(text)) == text);
}

BOOST_AUTO_TEST_CASE(see_output_that_differs_and_record_it) {
  file f("members voters=1\n----\nwrong\n\n");
  BOOST_TEST(run_scenario_file(f.path.string(), false) != "");
  BOOST_TEST(run_scenario_file(f.path.string(), true) == "");
  BOOST_TEST(run_scenario_file(f.path.string(), false) == "");
}

BOOST_AUTO_TEST_CASE(fail_where_an_expectation_does_not_hold) {
  file f("members voters=1\nexpect 1 role=leader\n");
  BOOST_TEST(run_scenario_file(f.path.string(), true) != "");
}

BOOST_AUTO_TEST_CASE(fail_where_a_rule_is_broken) {
  file f("members voters=1,2,3\nelect 1\ndeliver\ncrash 2\nwipe 2\nrestart 2\nstatus\n");
  BOOST_TEST(run_scenario_file(f.path.string(), true).find("term_is_monotone") !=
             std::string::npos);
  file g("members voters=1,2,3\nelect 1\nexpect broken=term_is_monotone\n");
  BOOST_TEST(run_scenario_file(g.path.string(), true).find("not broken") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(refuse_a_line_that_makes_no_sense) {
  scenario s;
  (void)s.run("jump 1");
  BOOST_TEST(s.failure_text() != "");
  scenario t;
  (void)t.run("tick 7");
  BOOST_TEST(t.failure_text() != "");
}

BOOST_AUTO_TEST_SUITE_END()
