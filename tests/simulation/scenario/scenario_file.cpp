#include "tests/simulation/scenario/scenario_file.hpp"

#include "tests/simulation/scenario/scenario.hpp"

#include <fstream>

namespace muster::simulation {

/// Comments and blank lines, a command, "----", output up to a blank line.
std::vector<scenario_block> parse_scenario(const std::string& text) {
  std::vector<scenario_block> blocks;
  scenario_block now;
  bool in_output = false;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (in_output && line.empty()) {
      blocks.push_back(std::exchange(now, {}));
      in_output = false;
    } else if (in_output) {
      now.recorded += line + "\n";
    } else if (line == "----") {
      in_output = true;
    } else if (line.empty() || line[0] == '#') {
      if (!now.command.empty()) blocks.push_back(std::exchange(now, {}));
      now.comments += line + "\n";
    } else {
      if (!now.command.empty()) blocks.push_back(std::exchange(now, {}));
      now.command = line;
    }
  }
  if (!now.command.empty()) blocks.push_back(now);
  return blocks;
}

std::string print_scenario(const std::vector<scenario_block>& blocks) {
  std::string text;
  for (const auto& b : blocks) {
    text += b.comments + b.command + "\n----\n" + b.recorded + "\n";
  }
  return text;
}

std::string run_scenario_file(const std::string& path, bool rewrite) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto blocks = parse_scenario(text);
  if (blocks.empty()) return path + ": there is nothing in it\n";
  scenario s;
  std::string differs;
  for (auto& b : blocks) {
    const auto now = s.run(b.command);
    const bool comes = &b != &blocks.back() && (&b + 1)->command.starts_with("expect broken=");
    if (!s.failure_text().empty() && !comes) {
      differs += path + ": " + b.command + ": " + s.failure_text() + "\n";
      b.recorded = now;
      break;
    }
    if (!rewrite && now != b.recorded)
      differs += path + ": " + b.command + "\nrecorded:\n" + b.recorded + "now:\n" + now;
    b.recorded = now;
  }
  if (rewrite) std::ofstream(path) << print_scenario(blocks);
  return differs;
}

}  // namespace muster::simulation
