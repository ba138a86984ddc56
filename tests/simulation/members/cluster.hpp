#pragma once
#include "tests/simulation/members/member.hpp"
#include "tests/simulation/world/network.hpp"
#include "tests/simulation/world/schedule.hpp"

#include <deque>
#include <ostream>
#include <set>

namespace muster::simulation {

/// Where power fails: between any two things that a member does.
enum class stage : std::uint8_t {
  none,
  before_sends,
  before_write,
  in_write,
  before_replies,
  before_durable_told,
  before_apply,
  before_flush,
  before_cut,
  before_install,
  before_install_told,
  count_
};

struct cluster_settings {
  std::size_t members = 3;
  std::uint64_t tick_ms = 60;
  std::uint64_t log_kept = 1000;  ///< entries between two flushes
  std::size_t append_bytes_max = 1u << 20;
  std::size_t inflight_bytes_max = 8u << 20;
  std::size_t uncommitted_bytes_max = 64u << 20;
  bool plans_roles = true;
  bool lies_about_disks = false;  ///< wrong members, to test the rules
};

/// A member and what the world does to it.
struct node {
  node(member_id id, invariants& rules, marks& met) : m(id, rules, met) {}
  member m;
  std::uint64_t tick_ms = 60;
  std::int64_t clock_off_ms = 0;
  std::uint64_t paused_until_ms = 0;
  std::uint64_t slow_until_ms = 0;
  bool disk_is_full = false;
  stage fails_at = stage::none;
  // Driver.
  std::uint64_t apply_at_ms = 0;
  std::uint64_t ticks = 0;
  bool is_fetching = false;
  bool is_flushing = false;
  bool is_condemned = false;  ///< as the core has it
  raft::snapshot_meta flushed;
  std::map<std::uint64_t, blob> writes;  ///< own, by sequence, until they are seen applied
  std::uint64_t next_sequence = 1;
  std::uint64_t next_tag = 1;
};

/// Members wired together by a schedule and a network, as the real driver wires them.
class cluster {
public:
  cluster(const cluster_settings& with, schedule& time, network& net, chance& random, marks& met,
          invariants& rules);

  /// What clients hear. `index`: the entry that settled it, or that a read must see applied.
  struct listeners {
    std::function<void(node&, const command&, const outcome&, log_index)> settled;
    std::function<void(node&, std::uint64_t tag, log_index)> read_ready;
    std::function<void(node&, std::uint64_t tag)> read_refused;
    std::function<void(node&)> went_down;
    std::function<void(node&)> stopped_serving;
    std::function<void(node&)> has_applied;
  };
  listeners hear;

  // Life.
  void boot(node& n);
  void crash(node& n);
  node& add_member();
  void leave(member_id id) { wanted_.erase(id); }
  void pause(node& n, std::uint64_t until_ms);
  /// All members lose power during the next write of any of them.
  void cut_power_in_next_write() { cuts_power_ = true; }
  void leave_power_on() { cuts_power_ = is_cut_due_ = false; }
  void plan_roles_from_now() { with_.plans_roles = true; }
  void notify_link(member_id a, member_id b, bool is_up);

  // Clients.
  std::uint64_t write(node& n, const command_body& body);
  std::uint64_t read(node& n);
  /// Any input, as if the driver had made it.
  void step(node& n, const raft::input& in);

  [[nodiscard]] std::deque<node>& nodes() { return nodes_; }
  node& at(member_id id) { return nodes_[id.value - 1]; }
  [[nodiscard]] const std::set<member_id>& wanted() const { return wanted_; }
  /// The leader of the highest term, if there is one that runs.
  node* leader();
  [[nodiscard]] std::uint64_t trace() const { return trace_; }
  [[nodiscard]] std::uint64_t messages_sent() const { return sent_; }
  /// Every step goes there, a line each.
  void tell(std::ostream* to) { told_ = to; }

private:
  void run_for(node& n, std::uint64_t delay_ms, std::function<void()> what);
  bool power_fails(node& n, stage where);
  void tick(node& n);
  void carry_out(node& n);
  void write_out(node& n);
  void disk_done(node& n);
  void finish_write(node& n);
  void apply(node& n, const std::vector<raft::entry>& entries);
  void maybe_flush(node& n);
  void flush(node& n);
  void fetch_snapshot(node& n);
  void install(node& n, const std::shared_ptr<const saved_state>& state);
  void answer(node& n);
  void follow_standing(node& n);
  [[nodiscard]] bool most_are_right(const raft::configuration& members);
  void plan_roles(node& n);
  void send(node& from, const raft::message& m);
  void send_writes(node& n, bool again);
  void deliver(member_id from, member_id to, std::function<void(node&)> what);
  void arrive(member_id from, member_id to, std::uint64_t session,
              const std::function<void(node&)>& what);

  cluster_settings with_;
  schedule& time_;
  network& net_;
  chance& random_;
  marks& met_;
  invariants& rules_;
  std::deque<node> nodes_;
  std::set<member_id> wanted_;
  bool cuts_power_ = false;
  bool is_cut_due_ = false;
  std::uint64_t trace_ = 0;
  std::uint64_t sent_ = 0;
  std::ostream* told_ = nullptr;
};

}  // namespace muster::simulation
