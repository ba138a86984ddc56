#pragma once
#include "actors/node/node.hpp"
#include "actors/scheduler/reservations.hpp"
#include "actors/scheduler/scheduler_core.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <future>
#include <memory>

namespace muster::scheduler {

/// An instance that is to be created somewhere.
struct placement_wish {
  project_id project;
  std::string name;
  std::string pool;  ///< of its root disk
  wish bounds;
};

struct placement_order {
  placement_wish what;
  bool leader_cannot = false;  ///< it is of an older version: by what is known here
  std::promise<result<placement>> answer;
};
/// Somebody waits for a choice.
struct place_next {
  std::shared_ptr<placement_order> what;
};

/// Records of instances have come, or got another name, or gone.
struct instances_changed {
  std::vector<std::pair<project_id, std::string>> names;
};

using scheduler_handle =
    caf::typed_actor<caf::reacts_to<place_next>, caf::reacts_to<instances_changed>>;

struct scheduler_settings {
  node::node* server = nullptr;
  raft::stop_member stop;
};

struct scheduler_state {
  scheduler_settings with;
  reservations reserved;
  static inline const char* name = "scheduler";
};

/// The leader's chooses members for instances, one after the other; others say errc::not_leader.
/// Detached: it reads records.
scheduler_handle::behavior_type scheduler_actor(
    scheduler_handle::stateful_pointer<scheduler_state> self, scheduler_settings with);

/// Whether the member has made its part of the pool. @errors errc::unavailable with the reason
status check_pool_on(const state_view& s, const std::string& pool, member_id on);

}  // namespace muster::scheduler

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::scheduler::place_next)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::scheduler::instances_changed)
