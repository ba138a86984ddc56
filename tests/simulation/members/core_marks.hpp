#pragma once
#include "actors/raft/core/raft_core.hpp"
#include "tests/simulation/world/marks.hpp"

namespace muster::simulation {

/// Tells from outside which rare way a step took through the core.
class core_marks {
public:
  core_marks(const raft::core& c, const raft::input& in);
  void compare(const raft::core& c, const raft::input& in, const raft::output& out,
               std::size_t refused_before, marks& met) const;

private:
  void compare_roles(const raft::core& c, const raft::input& in, marks& met) const;
  void compare_message(const raft::core& c, const raft::message& m, const raft::output& out,
                       marks& met) const;
  void compare_append(const raft::core& c, const raft::append_request& a, marks& met) const;
  void compare_members(const raft::core& c, marks& met) const;
  void compare_refusals(const raft::output& out, std::size_t refused_before, marks& met) const;

  raft::role role_;
  raft::hard_state hard_;
  member_id leader_;
  log_index commit_;
  log_index last_;
  raft_term last_term_;
  raft::configuration members_;
};

}  // namespace muster::simulation
