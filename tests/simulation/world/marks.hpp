#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace muster::simulation {

/// What runs must have met to prove anything: each fault, and each rare way through the core.
enum class mark : std::uint8_t {
  // Network.
  message_lost,
  message_twice,
  message_overtaken,
  message_minutes_late,
  partition,
  partition_one_way,
  // Members and their disks.
  crash_before_sends,
  crash_before_write,
  crash_in_write,
  crash_before_replies,
  crash_before_durable_told,
  crash_before_apply,
  crash_before_flush,
  crash_before_cut,
  crash_before_install,
  crash_before_install_told,
  power_cut,
  tail_lost,
  write_whole_untold,
  write_torn,
  byte_flipped,
  row_changed,
  disk_full,
  disk_slow,
  clock_skewed,
  clock_jumped,
  paused,
  member_joined,
  member_replaced,
  random_members_asked,
  // Elections.
  pre_vote_refused,
  vote_held_back,
  vote_refused,
  vote_given_again,
  candidate_again,
  leader_without_quorum_left,
  leader_not_voter_left,
  leader_deposed,
  lost_link_campaigned,
  lost_link_waited,
  sole_voter_led,
  transfer_told,
  transfer_campaigned,
  // Log.
  log_truncated,
  log_begun_anew,
  snapshot_offered,
  snapshot_kept_tail,
  snapshot_came_late,
  append_refused,
  append_stale_leader,
  append_all_committed,
  heartbeat_stale_leader,
  durable_overwritten,
  old_term_waits,
  start_finds_newer_state,
  // Membership.
  joint_entered,
  joint_left,
  joint_left_by_another,
  members_cut_off,
  voter_swapped,
  refused_not_caught_up,
  refused_change_in_flight,
  refused_too_early,
  refused_uncommitted_bytes,
  refused_handing_over,
  // Reads.
  read_forwarded,
  read_refused_by_leader,
  read_waits_for_term,
  read_waits_for_apply,
  // Apply.
  request_repeated,
  request_of_older_start,
  // Wrong states.
  member_condemned,
  leader_condemned,
  condemned_start,
  condemned_led,
  state_replaced,
  wrong_state_spread,
  // Clients.
  outcome_unknown,
  // After healing.
  progress_with_others_gone,
  progress_with_others_disturbing,
  count_
};

constexpr std::size_t mark_count = static_cast<std::size_t>(mark::count_);
const char* name_of(mark m);

/// How often each was met.
struct marks {
  std::array<std::uint64_t, mark_count> hits{};
  void hit(mark m) { ++hits[static_cast<std::size_t>(m)]; }
  [[nodiscard]] std::uint64_t of(mark m) const { return hits[static_cast<std::size_t>(m)]; }
  void add(const marks& other);
  [[nodiscard]] std::vector<std::string> missing() const;
};

}  // namespace muster::simulation
