#pragma once
#include "actors/roles/roles_core.hpp"
#include "schemas/commands.hpp"

#include <deque>

namespace muster::roles {

/// What a leader remembers from one plan to the next: who was lost lately, who is about to stop,
/// why roles were changed. Time is told to it, in ms of any steady clock.
class role_keeper {
public:
  void session_changed(member_id id, bool is_up, std::uint64_t now_ms);
  /// It gives its role up. Who is still there a minute later is as good as others again.
  void leaves(member_id id, std::uint64_t now_ms) { leaving_[id] = now_ms; }
  [[nodiscard]] std::vector<member_id> leaving(std::uint64_t now_ms) const;
  void planned(const change& c);

  /// Fills in what is remembered of `c.id`.
  void remember(candidate& c, std::uint64_t now_ms) const;

  struct standing {
    member_id id;
    std::string role;  ///< as noted before
  };
  /// Members whose role is another than the one noted.
  [[nodiscard]] std::vector<note_roles::change> unnoted(const std::vector<standing>& noted,
                                                        const raft::configuration& now,
                                                        member_id leader, std::uint64_t term) const;

private:
  [[nodiscard]] std::string reason_of(const standing& m, const std::string& role,
                                      std::uint64_t term) const;

  std::map<member_id, std::deque<std::uint64_t>> losses_;  ///< when sessions were lost, ms
  std::map<member_id, std::uint64_t> leaving_;             ///< since when, ms
  std::map<member_id, std::pair<std::string, std::string>> planned_;  ///< role and reason
};

}  // namespace muster::roles
