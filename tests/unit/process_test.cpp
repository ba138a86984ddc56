#include "actors/instances/lxc/process.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <unistd.h>

using namespace muster::instances;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(processes)

BOOST_AUTO_TEST_CASE(the_deadline_ends_the_children_too) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("muster-process-test." + std::to_string(::getpid()));
  const auto ended =
      run_program({"sh", "-c", "sleep 1000 & echo $! > " + file.string() + "; wait"}, 2s);
  BOOST_REQUIRE(!ended);
  BOOST_CHECK(ended.error().code == muster::errc::timed_out);
  pid_t child = 0;
  std::ifstream(file) >> child;
  std::filesystem::remove(file);
  BOOST_REQUIRE(child > 0);
  // Whoever reaps it may not have done so yet.
  std::string state;
  std::ifstream(std::string("/proc/") + std::to_string(child) + "/stat") >> state >> state >> state;
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (state != "" && state != "Z" && std::chrono::steady_clock::now() < deadline) {
    state.clear();
    std::ifstream(std::string("/proc/") + std::to_string(child) + "/stat") >> state >> state >>
        state;
  }
  BOOST_CHECK(state.empty() || state == "Z");
}

BOOST_AUTO_TEST_CASE(an_end_that_nobody_can_know_is_no_success) {
  BOOST_TEST(wait_for_end(1) == 255);
}

BOOST_AUTO_TEST_SUITE_END()
