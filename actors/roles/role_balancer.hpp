#pragma once
#include "actors/raft/log_writer.hpp"
#include "actors/raft/raft_board.hpp"
#include "actors/raft/raft_messages.hpp"
#include "actors/roles/role_keeper.hpp"
#include "actors/state/cluster_facts.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <functional>
#include <memory>
#include <set>

namespace muster::roles {

/// Something has changed that may change roles.
struct look_at_roles {};
struct look_again {};
/// Another member gives up what it is, or tells that the leader has done what can be done.
struct peer_hands_over {
  member_id peer;
  bool is_done = false;
};
/// This member stops soon. `done` is called once, when others have its roles as far as may be.
struct leave {
  std::function<void()> done;
};

using balancer_handle = caf::typed_actor<caf::reacts_to<look_at_roles>, caf::reacts_to<look_again>,
                                         caf::reacts_to<raft::session_changed>,
                                         caf::reacts_to<peer_hands_over>, caf::reacts_to<leave>>;

struct balancer_settings {
  member_id self;
  std::shared_ptr<raft::raft_board> board;
  std::function<std::shared_ptr<const state::cluster_facts>()> facts;
  /// To the raft actor: the configuration to change to, and who is to lead.
  std::function<void(raft::wish_members)> wish;
  std::function<void(raft::let_lead)> let_lead;
  /// To the balancer of another member.
  std::function<void(member_id, codec::hand_over)> send;
  /// Gives a command to the log; must not block.
  std::function<void(note_roles)> note;
  raft::stop_member stop;
};

/// Hears who is there and how far, proposes configurations while this member leads, and hands over
/// what this member is before it stops. It knows the log by its board only.
class balancer {
public:
  explicit balancer(balancer_settings with) : with_(std::move(with)) {}

  void look();
  void on_session(member_id peer, bool is_up);
  void on_hand_over(member_id peer, bool is_done);
  void on_leave(std::function<void()> done);
  [[nodiscard]] std::chrono::milliseconds period() const;

private:
  [[nodiscard]] std::vector<candidate> candidates(const raft::board_view& board,
                                                  const state::cluster_facts& facts) const;
  [[nodiscard]] bool is_up(const raft::board_view& board, member_id id) const;
  void balance(const raft::board_view& board);
  void tell_leaving(const raft::board_view& board);
  bool is_noted(const raft::board_view& board, const state::cluster_facts& facts);
  void go_on_leaving(const raft::board_view& board);
  void give_up_leading(const raft::board_view& board);

  balancer_settings with_;
  role_keeper keeper_;
  std::set<member_id> sessions_;
  bool has_wish_ = false;  ///< the raft actor keeps one
  int looks_at_wish_ = 0;
  std::vector<note_roles::change> last_note_;
  std::uint64_t next_note_ms_ = 0;
  std::function<void()> left_;  ///< set while this member hands over what it is
};

struct balancer_state {
  std::unique_ptr<balancer> balances;
  static inline const char* name = "role balancer";
};

balancer_handle::behavior_type role_balancer(balancer_handle::stateful_pointer<balancer_state> self,
                                             balancer_settings with);

}  // namespace muster::roles

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::roles::look_at_roles)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::roles::look_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::roles::peer_hands_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::roles::leave)
