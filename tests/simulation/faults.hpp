#pragma once
#include "tests/simulation/members/cluster.hpp"

namespace muster::simulation {

/// Makes trouble by chance. Each run draws which kinds it uses, and how often: rare mixtures come
/// up, and one kind does not hide another.
class faults {
public:
  faults(cluster& members, schedule& time, network& net, chance& random, marks& met,
         invariants& rules);
  /// @param pause_ms_max longest time between two faults.
  void start(std::uint64_t pause_ms_max);
  void stop() { is_running_ = false; }
  /// A member went down: it mostly comes back.
  void went_down(node& n);

private:
  using fault = void (faults::*)();
  void strike();
  node& any();
  node* any_up();

  // Network (faults_network.cpp).
  void change_weather();
  void part();
  void part_one_way();
  void cut_off_leader();
  void mend();
  void lose_link(member_id from, member_id to, bool both_ways);

  // Members and disks.
  void crash_one();
  void crash_leader();
  void crash_at_a_stage();
  void crash_all();
  void boot_one();
  void pause_one();
  void slow_disk();
  void fill_disk();
  void flip_a_bit();
  void change_a_row();
  void skew_clock();
  void jump_clock();

  // Membership and leadership (faults_members.cpp).
  void join_one();
  void leave_one();
  void ask_random_members();
  void transfer();
  [[nodiscard]] bool can_lose(member_id id);

  cluster& members_;
  schedule& time_;
  network& net_;
  chance& random_;
  marks& met_;
  invariants& rules_;
  bool is_running_ = false;
  std::uint64_t pause_ms_max_ = 1'000;
  std::vector<fault> drawn_;
};

}  // namespace muster::simulation
