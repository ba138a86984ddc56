#pragma once
#include "actors/raft/core/raft_core.hpp"
#include "schemas/codec.hpp"
#include "tests/simulation/checker.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <random>

namespace muster::simulation {

struct settings {
  std::uint64_t seed = 1;
  std::size_t members = 5;
  std::uint64_t length_ms = 60'000;
  std::uint64_t log_kept = 40;  ///< entries behind which a log is cut
  bool with_faults = true;
  bool lies_about_durability =
      false;  ///< a wrong member, to test the checker: answers before it has synced
};

/// A cluster in one thread: raft cores, roles, apply, disks that forget, links that break; all
/// chance from the seed, all time simulated. The same seed gives the same run.
class simulator {
public:
  explicit simulator(settings with);
  /// Runs to the end, heals everything, lets it settle. Gives the violation; empty: none.
  std::string run();
  [[nodiscard]] const checker& seen() const { return check_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

private:
  struct disk {
    raft::hard_state hard;
    raft::snapshot_meta start;
    std::vector<raft::entry> entries;
    storage::map_view state;  ///< as flushed
    raft::snapshot_meta state_meta;
  };
  struct pending {
    std::string name;
    blob command;
    std::uint64_t asked_ms = 0;
  };
  struct member {
    member_id id;
    disk kept;
    incarnation started;
    bool is_up = false;
    std::unique_ptr<raft::core> core;
    raft::output out;
    bool is_writing = false;
    storage::map_view state;
    raft::snapshot_meta state_meta;
    std::uint64_t next_sequence = 1;
    std::map<std::uint64_t, pending> writes;
    std::map<std::uint64_t, log_index> reads;  ///< tag → what was acknowledged when it began
    std::uint64_t next_tag = 1'000'000;
    raft_term led_term;
    std::uint64_t apply_at_ms = 0;
  };
  struct happening {
    std::uint64_t at_ms;
    std::uint64_t order;
    std::function<void()> what;
    bool operator<(const happening& o) const {
      return std::tie(at_ms, order) > std::tie(o.at_ms, o.order);
    }
  };

  // Time and chance.
  void at(std::uint64_t delay_ms, std::function<void()> what);
  std::uint64_t chance(std::uint64_t below);
  void advance_to(std::uint64_t end_ms);
  /// Runs `what` only if the member has not restarted meanwhile.
  void at_member(member& m, std::uint64_t delay_ms, std::function<void()> what);

  // A member's life.
  void boot(member& m);
  void crash(member& m);
  void tick(member& m);
  void step(member& m, const raft::input& in);
  void carry_out(member& m);
  void write_out(member& m);
  void finish_write(member& m, const std::optional<raft::hard_state>& hard,
                    const std::vector<raft::entry>& entries);
  void put_entries(member& m, const std::vector<raft::entry>& entries);
  void apply(member& m, const std::vector<raft::entry>& entries);
  void settle(member& m, const command& c, const outcome& done, log_index index);
  void cut_log(member& m);
  void fetch_snapshot(member& m);
  void plan_roles(member& m);

  // Clients and links.
  void client_write(member& m);
  void client_read(member& m);
  void send_writes(member& m);
  void answer_reads(member& m);
  void send(member& from, const raft::message& message);
  void deliver_later(member_id from, member_id to, std::function<void(member&)> what);
  void set_link(std::size_t a, std::size_t b, bool is_up);
  [[nodiscard]] bool is_linked(member_id a, member_id b) const;
  void inject_fault();
  void heal();
  member& at_id(member_id id) { return members_[id.value - 1]; }

  settings with_;
  std::mt19937_64 random_;
  std::uint64_t now_ms_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t next_order_ = 0;
  std::priority_queue<happening> happenings_;
  std::deque<member> members_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> cut_;  ///< links that are down
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t>
      session_;  ///< by pair; changes at each cut
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> last_delivery_ms_;
  std::uint64_t next_name_ = 0;
  checker check_;
};

}  // namespace muster::simulation
