#pragma once
#include "actors/instances/instances_core.hpp"
#include "actors/instances/lxc/lxc_driver.hpp"
#include "schemas/acting_member.hpp"
#include "schemas/commands.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <deque>
#include <future>
#include <memory>

namespace muster::instances {

enum class verb : unsigned char {
  create,
  start,
  stop,
  restart,
  freeze,
  unfreeze,
  tidy,
  publish,
  remove
};

/// Work on one instance that somebody waits for. Orders for the same instance run one after the
/// other.
struct order {
  verb what = verb::start;
  row_key key;
  bool force = false;
  int timeout_s = 30;
  requestor who;
  std::string trace;
  instance last;  ///< remove: the record as it was
  std::promise<status> answer;
  std::shared_ptr<const publish_wish> image = nullptr;  ///< publish: what it is to be
  bool is_own = false;  ///< nobody has asked: wanted and real differ
};
using order_ptr = std::shared_ptr<order>;

struct instances_settings {
  std::string data_dir;
  std::shared_ptr<lxc_driver> driver;
  std::function<std::optional<acting_member>()> acting;
  /// Waits for a fresh read index: before it nothing is started, stopped or removed.
  std::function<status()> readable;
  std::function<result<outcome>(command_body, const requestor&, const std::string& trace)> write;
  /// Gets the image to this member if it is not here. Blocks.
  std::function<status(project_id, const std::string& fingerprint)> fetch_image;
  std::function<void(const std::string&)> log;
};

struct begin_order {
  order_ptr what;
};
struct order_done {
  order_ptr what;
  status how = ok();
};
struct look_now {};

using instances_handle =
    caf::typed_actor<caf::reacts_to<begin_order>,  // somebody wants something done
                     caf::reacts_to<order_done>,   // a worker has finished
                     caf::reacts_to<look_now>>;    // compare wanted with real

struct instances_state {
  std::shared_ptr<const instances_settings> with;
  std::map<object_id, std::deque<order_ptr>> queues;  ///< first: under way
  std::map<object_id, memory> known;
  std::string looked_as;  ///< cluster and member; empty: the records may be old
  std::chrono::steady_clock::time_point swept{};
  static inline const char* name = "instances";
};

/// Keeps this member's containers as the records want them. Detached: it looks at the disk.
instances_handle::behavior_type instances_actor(
    instances_handle::stateful_pointer<instances_state> self, instances_settings with);

/// Type of the warning that an instance that is wanted does not start.
constexpr const char* start_failed = "Failed to autostart instance";

/// @param self whose parents the networks go out by.
std::vector<nic> nics_of(const state_view& state, const device_map& devices,
                         const std::string& seed, member_id self);
container container_of(const state_view& state, const instance& row, const std::string& data_dir);

}  // namespace muster::instances

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::instances::begin_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::instances::order_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::instances::look_now)
