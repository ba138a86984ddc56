#pragma once
#include "actors/link/links.hpp"
#include "actors/node/member_files.hpp"
#include "actors/raft/raft_actor.hpp"
#include "actors/roles/role_balancer.hpp"
#include "actors/state/applier.hpp"
#include "actors/state/cluster_facts.hpp"
#include "actors/state/state_holder.hpp"
#include "schemas/commands.hpp"
#include "storage/identity.hpp"
#include "storage/snapshots/outgoing_snapshots.hpp"

#include <caf/fwd.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace rocksdb {
class Env;
}

namespace muster::node {

using clock = std::chrono::steady_clock;

struct runtime_settings {
  std::string data_dir;
  storage::identity who;
  rocksdb::Env* env = nullptr;  ///< null: the real disk
  /// Members to reach before the state names any.
  std::vector<link::peer> first_peers;
  std::vector<edited_address> edited;
  link::links_settings links;  ///< hello, on_message and on_session are filled in by the runtime
  /// Brings the leader's snapshot, at least as new as offered, into the incoming directory; blocks.
  std::function<status(const link::peer& leader, log_index offered, const std::stop_token&)>
      fetch_snapshot;
  std::function<void(const std::vector<event>&)> show_events;
  std::function<void(const row_changes&)> show_changes;
  /// A snapshot has taken the state's place: anything may be another.
  std::function<void()> show_replaced;
  /// Members, or the configuration of the log, have changed. Must not block.
  std::function<void()> show_members;
  std::function<void(member_id, const codec::operation_event&)> show_operation_event;
  raft::stop_member stop_member;
  /// As driver_settings: `show_standing` is also told at the start if the state is wrong.
  std::function<void(bool is_condemned)> show_standing;
  std::function<void(member_id, bool is_condemned)> note_standing;
  /// Gives a command of the cluster itself to the log; `ended` is called once.
  std::function<void(command_body, std::function<void()> ended)> note;
  std::string version;
  std::uint32_t level = 1;  ///< of this build
};

/// One member from the start of its actors to their end: stores, log writer, applier, raft, links.
/// Thread-safe.
class runtime {
public:
  static result<std::shared_ptr<runtime>> start(caf::actor_system& system, runtime_settings with);
  ~runtime();

  /// Sends a command through the log. `answer` is called once, at the latest a tick after the
  /// deadline, from any thread; must not block.
  /// @errors of the command itself; errc::no_quorum (not done), errc::unknown_outcome (may be
  /// done).
  void begin_write(command_body body, const requestor& who, const std::string& trace,
                   clock::time_point deadline, raft::write_answer answer);
  /// Calls `ready` once when this member has applied all that was committed when it was asked;
  /// from any thread; must not block.
  void begin_read(clock::time_point deadline, std::function<void(status)> ready);
  [[nodiscard]] std::unique_ptr<state_view> view() const { return holder_->view(); }
  [[nodiscard]] raft::board_view board() const { return board_->get(); }
  /// The log held nothing at start but the configuration a new server begins with.
  [[nodiscard]] bool began_new() const { return began_new_; }
  [[nodiscard]] const storage::identity& who() const { return with_.who; }
  [[nodiscard]] std::chrono::milliseconds quorum_silence() const;
  [[nodiscard]] std::shared_ptr<const state::cluster_facts> facts() const {
    const std::lock_guard guard(facts_lock_);
    return facts_;
  }
  /// Whether a leader that has a quorum was heard of lately; an election is not the loss of one.
  [[nodiscard]] bool has_leader() const;
  /// The cluster acts at a level that this build does not know: nothing more is applied here.
  [[nodiscard]] bool is_blocked() const { return is_blocked_; }
  /// Hands leadership and role over to others; waits, at most limits::hand_over_deadline.
  void hand_over();
  [[nodiscard]] link::links& peers() { return *links_; }
  /// Leader: waits until roles rest with the state as of `index` or later; false at the deadline.
  bool wait_for_roles(log_index index, clock::time_point deadline) const {
    return board_->wait_until(deadline, [&](const raft::board_view& b) {
      return b.roles_rest_at && b.roles_rest_at >= index;
    });
  }
  /// By what is applied here.
  [[nodiscard]] bool is_in_configuration(member_id id) const;
  /// Removed members that the configuration still needs: they stay linked until it does not.
  [[nodiscard]] std::vector<link::peer> leaving() const;
  /// The manifest of a snapshot for a follower, and its chunks; see storage::outgoing_snapshots.
  result<std::string> offer_snapshot(log_index at_least) {
    return outgoing_.offer(*holder_->get(), at_least, clock::now());
  }
  result<std::string> snapshot_chunk(const std::string& id, std::size_t n) {
    return outgoing_.chunk(id, n, clock::now());
  }
  /// Now and then: drops snapshots that nobody wants any more.
  void keep_house();
  void stop();
  /// What keeps the stores of this member open after `stop`: requests that are still being
  /// answered.
  struct remains {
    std::weak_ptr<const void> log;
    std::weak_ptr<const void> state;
    [[nodiscard]] bool are_gone() const { return log.expired() && state.expired(); }
  };
  [[nodiscard]] remains what_remains() const { return {log_, holder_->get()->life()}; }

private:
  explicit runtime(runtime_settings with)
      : with_(std::move(with)), outgoing_(with_.data_dir), last_fetch_(clock::now()) {}
  status open_stores();
  void spawn_actors(caf::actor_system& system);
  void refresh_members();
  void refresh_peers();
  void fetch(member_id leader, const raft::snapshot_meta& offered);
  void ask_raft(std::variant<raft::write_ptr, raft::read_ptr> one);
  void refresh_facts();
  void drop_replaced_state();
  void follow(const row_changes& changes);
  void spawn_applier(caf::actor_system& system);
  void spawn_roles(caf::actor_system& system);
  void spawn_health(caf::actor_system& system);
  [[nodiscard]] std::optional<link::peer> find_peer(member_id id) const;
  [[nodiscard]] std::shared_ptr<storage::state_store> open_state();
  codec::hello make_hello() const;

  runtime_settings with_;
  storage::outgoing_snapshots outgoing_;
  std::mutex replaced_lock_;
  std::weak_ptr<const void> replaced_;  ///< the state before the one that was installed last
  bool has_replaced_ = false;
  caf::actor_system* system_ = nullptr;
  std::shared_ptr<storage::raft_store> log_;
  std::shared_ptr<state::state_holder> holder_;
  std::shared_ptr<raft::write_waiters> waiters_;
  std::shared_ptr<raft::asked_inbox> inbox_ = std::make_shared<raft::asked_inbox>();
  std::shared_ptr<raft::raft_board> board_;
  mutable std::mutex facts_lock_;
  std::shared_ptr<const state::cluster_facts> facts_;
  raft::start_state start_;
  bool began_new_ = false;
  std::atomic<bool> is_blocked_{false};
  raft::log_writer_handle writer_;
  raft::applier_handle applier_;
  caf::actor health_;
  roles::balancer_handle roles_;  ///< before whoever tells it something
  [[nodiscard]] raft::raft_handle raft_actor() const;

  mutable std::mutex raft_lock_;
  raft::raft_handle raft_;
  std::unique_ptr<link::links> links_;
  std::shared_ptr<std::atomic<std::size_t>> reads_waiting_ =
      std::make_shared<std::atomic<std::size_t>>(0);
  std::atomic<bool> stopped_{false};
  mutable std::mutex members_lock_;
  raft::configuration members_;   ///< as applied here
  std::mutex incoming_lock_;      ///< held while a snapshot is fetched
  clock::time_point last_fetch_;  ///< when the last one ended
  std::jthread fetching_;
};

}  // namespace muster::node
