#pragma once
#include "actors/roles/roles_core.hpp"
#include "schemas/row_changes.hpp"
#include "schemas/state_view.hpp"

#include <chrono>

namespace muster::state {

struct member_facts {
  member_id id;
  std::string name;
  std::string failure_domain;
  std::string role;  ///< as noted in member_standing
  bool is_offline = false;
  bool is_clock_off = false;     ///< there is a warning that its clock differs from the leader's
  std::uint32_t level = 0;       ///< of its build, as it has told; 0: it has not
  log_index certificate_missed;  ///< when it was warned that it has not got it; 0: it has
  bool owes = false;             ///< not all that pools and networks want of it is done
  bool operator==(const member_facts&) const = default;
};

/// What of the state decides on roles, health and elections. Made anew when one of the rows it
/// comes from changes, so that nobody reads the store for it.
struct cluster_facts {
  std::vector<member_facts> members;  ///< by id
  std::uint32_t level = 1;            ///< that the cluster acts at
  roles::targets roles;
  std::chrono::milliseconds election_timeout{};
  std::chrono::milliseconds offline_threshold{};

  [[nodiscard]] const member_facts* find(member_id id) const;
};

cluster_facts facts_of(const state_view& state);
/// Whether rows that `facts_of` reads are among them.
bool decides_facts(const row_changes& changes);

}  // namespace muster::state
