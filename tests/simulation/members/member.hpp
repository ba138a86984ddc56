#pragma once
#include "schemas/commands.hpp"
#include "tests/simulation/rules/invariants.hpp"
#include "tests/simulation/world/marks.hpp"

#include <functional>
#include <memory>

namespace muster::simulation {

/// One member: the real core and the real apply over a simulated disk. Each phase of the real
/// driver is one call; whoever drives decides when it comes and where power fails in between.
class member {
public:
  member(member_id id, invariants& rules, marks& met);

  // Life.
  /// @errors errc::corrupt: the disk is damaged; the member stays down for good.
  status start(const raft::settings& with);
  /// The process ends; the disk keeps what it has.
  void stop();
  [[nodiscard]] bool is_up() const { return core_ != nullptr; }
  [[nodiscard]] member_id id() const { return id_; }
  [[nodiscard]] incarnation started() const { return started_; }
  [[nodiscard]] bool is_damaged() const { return is_damaged_; }

  // Phases, in the order of the real driver.
  void step(const raft::input& in);
  std::vector<raft::message> take_sends();
  /// Hands what is gathered to the disk; false if there is nothing, or a write is under way.
  bool begin_write();
  /// Replies that need no write any more; none while one is under way or waits.
  std::vector<raft::message> take_replies();
  /// What a member does that lies about its disk: all replies, before any write.
  std::vector<raft::message> take_replies_too_early();
  /// The write is synced.
  void sync_write();
  /// Replies that waited for it.
  std::vector<raft::message> end_write();
  /// Tells the core what the last write made durable.
  void tell_durable();
  std::vector<raft::entry> take_committed() { return std::exchange(out_.committed, {}); }
  using own_visitor = std::function<void(const command&, const outcome&, log_index)>;
  /// Applies entries in order; shows the outcome of this start's own commands as of their entry.
  void apply(const std::vector<raft::entry>& entries, const own_visitor& see);
  void tell_applied();
  /// What was applied is wrong: nothing is applied to it any more.
  void condemn() { kept_.condemn(true); }
  /// A row of the state, in memory or on the disk, is not what apply made of it any more. False:
  /// there is no such row yet.
  bool corrupt(chance& random);
  /// The running state reaches the disk; gives where it stands.
  raft::snapshot_meta flush();
  void cut_log(const raft::snapshot_meta& at);
  /// Puts another member's flushed state in place of the own one; false if the own is newer, or
  /// wrong and newer than that.
  bool install(std::shared_ptr<const saved_state> state);
  void tell_installed();

  [[nodiscard]] raft::output& out() { return out_; }
  [[nodiscard]] const raft::core& core() const { return *core_; }
  [[nodiscard]] disk& kept() { return kept_; }
  [[nodiscard]] const disk& kept() const { return kept_; }
  [[nodiscard]] const saved_state& state() const { return state_; }
  [[nodiscard]] bool is_writing() const { return is_writing_; }

private:
  void check_sends(const std::vector<raft::message>& messages);
  void apply_one(const raft::entry& e, const own_visitor& see);

  member_id id_;
  invariants& rules_;
  marks& met_;
  disk kept_;
  incarnation started_;
  bool is_damaged_ = false;

  std::unique_ptr<raft::core> core_;
  raft::output out_;
  bool is_writing_ = false;
  std::vector<raft::message> after_write_;
  std::optional<raft::durable> written_;
  saved_state state_;
  std::vector<std::uint64_t> digests_;  ///< of the chain, not yet told to the core
};

}  // namespace muster::simulation
