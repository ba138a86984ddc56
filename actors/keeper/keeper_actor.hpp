#pragma once
#include "actors/keeper/keeper_core.hpp"
#include "actors/keeper/made_files.hpp"
#include "schemas/acting_member.hpp"
#include "schemas/commands.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace muster::keeper {

struct keeper_settings {
  std::string data_dir;
  std::function<std::optional<acting_member>()> acting;
  /// Waits for a fresh read index: before it nothing is made or removed.
  std::function<status()> readable;
  std::function<result<outcome>(command_body)> write;
  /// Everything that was there at the start has been looked at.
  std::function<void()> told_ready;
  /// Whether a pool can be used on this server, and whether a file system of its own is mounted
  /// there.
  std::function<void(const std::string& pool, const status& in_place, bool is_mounted)> told_pool;
  std::function<void(const std::string&)> log;
};

struct look_now {
  bool again = false;  ///< also at what has failed before
};

using keeper_handle = caf::typed_actor<caf::reacts_to<look_now>>;

struct keeper_state {
  std::shared_ptr<const keeper_settings> with;
  std::unique_ptr<made_files> made;
  std::map<row_key, std::uint64_t> failed;
  std::map<row_key, std::chrono::steady_clock::time_point> absent_since;
  std::string looked_in;  ///< cluster and member of the first look
  static inline const char* name = "keeper";
};

/// Keeps pools and networks of this server as the records want them. Detached: it runs programs.
keeper_handle::behavior_type keeper_actor(keeper_handle::stateful_pointer<keeper_state> self,
                                          keeper_settings with);

}  // namespace muster::keeper

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::keeper::look_now)
