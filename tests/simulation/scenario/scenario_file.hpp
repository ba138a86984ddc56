#pragma once
#include <string>
#include <vector>

namespace muster::simulation {

/// One command of a scenario with the output that is recorded below it.
struct scenario_block {
  std::string comments;  ///< lines above, as they stand
  std::string command;
  std::string recorded;
};

std::vector<scenario_block> parse_scenario(const std::string& text);
std::string print_scenario(const std::vector<scenario_block>& blocks);

/// Runs a file. With `rewrite`, records what comes out. @return what differs or failed; empty: all
/// is as recorded.
std::string run_scenario_file(const std::string& path, bool rewrite);

}  // namespace muster::simulation
