#pragma once
#include "actors/health/health_core.hpp"
#include "actors/link/links.hpp"
#include "actors/raft/log_writer.hpp"
#include "actors/raft/raft_board.hpp"
#include "actors/state/cluster_facts.hpp"
#include "schemas/commands.hpp"

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>

#include <functional>
#include <memory>

namespace muster::health {

using clock = std::chrono::steady_clock;

struct health_settings {
  member_id self;
  std::uint32_t level = 1;  ///< of this build
  std::function<raft::board_view()> board;
  std::function<std::shared_ptr<const state::cluster_facts>()> facts;
  std::function<std::vector<link::peer_health>()> peers;
  /// Gives a command to the log; `ended` is called once, from any thread.
  std::function<void(command_body, std::function<void()> ended)> write;
  raft::stop_member stop;
};

/// Watches the other members while this one leads, and has the log hold who is offline: only
/// changes are written.
class watcher {
public:
  explicit watcher(health_settings with) : with_(std::move(with)), last_look_(clock::now()) {}
  void look();

private:
  [[nodiscard]] bool is_whole(const state::member_facts& m, bool is_up,
                              const raft::status_view& raft);
  void settle_certificates(const state::cluster_facts& facts, const raft::status_view& raft);
  void note_clocks(const std::vector<clock_verdict>& verdicts);
  void raise_common_level(const state::cluster_facts& facts);
  void write(command_body body);
  void note(const std::vector<verdict>& verdicts, const std::vector<observed>& all);

  health_settings with_;
  clock::time_point last_look_;
  clock::time_point watching_since_;         ///< before it nothing could be heard
  std::map<member_id, log_index> whole_at_;  ///< what was committed when it came back
  std::shared_ptr<std::atomic<int>> writing_ = std::make_shared<std::atomic<int>>(0);
};

struct health_state {
  std::unique_ptr<watcher> watch;
  static inline const char* name = "health";
};

caf::behavior health_actor(caf::stateful_actor<health_state>* self, health_settings with);

}  // namespace muster::health
