#pragma once
#include "actors/raft/core/raft_core.hpp"
#include "storage/map_view.hpp"

#include <map>
#include <set>
#include <string>

namespace muster::simulation {

/// What must hold of a whole run, told step by step. Names its first violation.
class checker {
public:
  /// Election safety (Raft figure 3): one leader a term.
  void saw_leader(member_id who, raft_term term);
  /// Leader completeness: a new leader holds everything that was committed before.
  void saw_new_leader(const raft::core& leader);
  /// State machine safety: one entry an index, the same for everybody.
  void saw_commit(member_id who, const raft::entry& e);
  /// Apply is deterministic: the same rows after the same index, everywhere.
  void saw_state(member_id who, const storage::map_view& state);
  /// A vote, once synced, is not taken back; terms never fall.
  void saw_durable(member_id who, const raft::hard_state& hard);
  /// The client was told that this name is written.
  void saw_acknowledged(const std::string& name, log_index at);
  /// A read that began when `floor` was acknowledged answers from `index`.
  void saw_read(log_index floor, log_index index);
  /// After everything has healed: what was acknowledged is there, once.
  void finish(const storage::map_view& state);

  [[nodiscard]] const std::string& violation() const { return violation_; }
  [[nodiscard]] log_index acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::size_t acknowledged_count() const { return names_.size(); }

private:
  void fail(const std::string& what);

  std::string violation_;
  std::map<raft_term, member_id> leaders_;
  std::map<log_index, raft::entry> committed_;
  std::map<log_index, std::size_t> states_;
  std::map<member_id, raft::hard_state> hard_;
  std::set<std::string> names_;
  log_index acknowledged_;
};

}  // namespace muster::simulation
