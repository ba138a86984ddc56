#pragma once
#include "actors/node/member_files.hpp"
#include "schemas/basic/result.hpp"
#include "schemas/raft_types.hpp"
#include "schemas/records.hpp"
#include "storage/identity.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

/// What can be done to a data directory whose member does not run: look at it, and let its cluster
/// go on from it when no quorum will ever come back.
namespace muster::node {

struct offline_member {
  member_id id;
  std::string name;
  std::string address;  ///< as edited, if it was
  std::string fingerprint;
  std::string role;  ///< voter, stand-by, spare; empty: not in the configuration
};

/// What the directory holds.
struct offline_view {
  storage::identity who;
  raft_term last_term;  ///< of the last entry
  log_index last;
  log_index applied;
  raft::configuration members;
  std::vector<edited_address> edited;  ///< said before
  std::vector<offline_member> all;
};
/// @errors errc::busy: a member runs there. errc::not_found: the directory holds none.
result<offline_view> look_offline(const std::string& data_dir);

/// What a member that could be asked says of itself.
struct reached_member {
  std::string name;
  std::string role;  ///< leader, follower, candidate
  raft_term last_term;
  log_index last;
};
/// Why the cluster must not be recovered from here; none: it may.
std::optional<failure> why_not_recover(const offline_view& here,
                                       const std::vector<reached_member>& reached);

/// Makes this member the only voter of a new epoch. What was there before is kept in
/// DIR/before-recover-N, N the new epoch. @param dead names of members that are dead for certain.
/// @return the new epoch's number.
result<std::uint64_t> recover(const std::string& data_dir, const offline_view& here,
                              const std::vector<std::string>& dead);

}  // namespace muster::node
