#pragma once
#include "tests/checkers/history.hpp"
#include "tests/simulation/members/cluster.hpp"

namespace muster::simulation {

/// Clients that write, append and read, each one call at a time, and the history of what they saw.
/// Registers are server keys; an append makes a profile, and its answer is the digest of the
/// profiles made before under the same key.
class workload {
public:
  workload(cluster& members, schedule& time, chance& random, marks& met, invariants& rules);

  void start(std::uint64_t pause_ms_max);
  void stop() { is_running_ = false; }
  /// From now on only these members are asked; forgets what has succeeded so far.
  void ask_only(std::set<member_id> members);
  [[nodiscard]] std::size_t writes_done() const { return writes_done_; }
  [[nodiscard]] std::size_t reads_done() const { return reads_done_; }
  [[nodiscard]] const checkers::history& seen() const { return seen_; }

  // What the cluster tells.
  void settled(node& n, const command& c, const outcome& done, log_index index);
  void read_ready(node& n, std::uint64_t tag, log_index index);
  void read_refused(node& n, std::uint64_t tag);
  void has_applied(node& n);
  void went_down(node& n);

private:
  struct call {
    std::size_t op;  ///< place in the history
    std::size_t client;
    log_index floor;  ///< read: what was acknowledged when it began
    std::optional<log_index> index;
  };
  using calls = std::map<std::pair<member_id, std::uint64_t>, call>;

  void next_call(std::size_t client);
  void call_later(std::size_t client);
  void begin(std::size_t client, node& n);
  void give_up(std::size_t client, std::size_t op, member_id asked, std::uint64_t number);
  void settled_late(node& n, const command& c, const outcome& done);
  void end(const call& c, checkers::outcome_of outcome);
  void answer_read(node& n, const call& c);
  [[nodiscard]] static checkers::past past_of(const saved_state& state, const std::string& key,
                                              std::uint64_t before_id);
  /// Whether what the member tells clients can be held against it.
  [[nodiscard]] bool is_trusted(node& n) const;
  node* pick();

  cluster& members_;
  schedule& time_;
  chance& random_;
  marks& met_;
  invariants& rules_;
  bool is_running_ = false;
  std::uint64_t pause_ms_max_ = 100;
  std::set<member_id> only_;
  std::vector<std::uint64_t> client_ids_;
  std::uint64_t next_client_ = 1;
  std::uint64_t next_value_ = 1;
  calls writes_;
  calls late_;  ///< writes that nobody waits for any more
  calls reads_;
  checkers::history seen_;
  std::size_t writes_done_ = 0;
  std::size_t reads_done_ = 0;
  std::uint64_t fresh_from_ = 0;  ///< only calls that began here or later count as done
};

}  // namespace muster::simulation
