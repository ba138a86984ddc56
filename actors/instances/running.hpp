#pragma once
#include "actors/instances/container_files.hpp"

/// What runs from a data directory, whatever name it was reached by. Needs no liblxc.
namespace muster::instances {

struct running_container {
  std::string name;
  process_mark init;
  process_mark monitor;
};

/// By their `run` files, also of those that an earlier reset has put aside, and by the titles of
/// liblxc's monitors.
std::vector<running_container> running_in(const std::string& data_dir);
std::string names_of(const std::vector<running_container>& all);
/// Asks them to shut down, and kills those that have not within ten seconds.
status end_running(const std::string& data_dir, const std::vector<running_container>& all);

}  // namespace muster::instances
