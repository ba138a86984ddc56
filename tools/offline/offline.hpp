#pragma once
#include "schemas/basic/result.hpp"

#include <string>
#include <vector>

/// What is done to the data directory of a member that does not run.
namespace muster::tools {

struct recover_options {
  std::string data_dir;
  std::vector<std::string> dead;  ///< names of members that are dead for certain
  bool is_dry_run = false;
  bool is_sure = false;  ///< else it is asked for on the terminal
};
/// `muster recover`: shows what is here and what other members say, and lets the cluster go on from
/// here in a new epoch.
status recover(const recover_options& with);

/// Voters' addresses, as `incus admin cluster list-database` prints them. @param format table, csv,
/// json, yaml, compact.
status list_database(const std::string& data_dir, const std::string& format);
/// The configuration as YAML, as `incus admin cluster show` prints it.
status show_cluster(const std::string& data_dir);
/// Takes addresses of members from what `show_cluster` prints, edited: on standard input, else with
/// $VISUAL or $EDITOR. Roles and names stay.
status edit_cluster(const std::string& data_dir);
/// Takes the role of the member with this address, through the member that runs here.
status remove_raft_node(const std::string& data_dir, const std::string& address, bool is_sure);
/// Whether "yes" is typed.
bool is_confirmed(const char* question);

}  // namespace muster::tools
