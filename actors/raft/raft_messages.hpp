#pragma once
#include "actors/raft/core/raft_io.hpp"
#include "actors/raft/inbox.hpp"
#include "schemas/codec/codec.hpp"
#include "schemas/commands.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

/// What the raft actor, the log writer and the applier say to each other, inside one member.
namespace muster::raft {

using clock = std::chrono::steady_clock;

/// A write somebody waits for.
struct pending_write {
  request_id id;
  blob command;
  clock::time_point deadline;
};
using write_ptr = std::shared_ptr<pending_write>;

/// A read that waits for its index to be applied. `then` is called once, on the raft actor's
/// thread; must not block. A read that is dropped, because its member stops, is answered, too.
class pending_read {
public:
  pending_read(clock::time_point until, std::function<void(result<log_index>)> then)
      : deadline(until), then_(std::move(then)) {}
  ~pending_read() { answer(fail(errc::unavailable, "Incus is shutting down")); }
  pending_read(const pending_read&) = delete;
  pending_read& operator=(const pending_read&) = delete;

  void answer(result<log_index> what) {
    if (const auto then = std::exchange(then_, nullptr)) then(std::move(what));
  }
  const clock::time_point deadline;

private:
  std::function<void(result<log_index>)> then_;
};
using read_ptr = std::shared_ptr<pending_read>;

/// From the node.
struct tick_now {};
using asked_inbox = inbox<std::variant<write_ptr, read_ptr>>;
struct look_into_inbox {};
struct carry_out {};

/// From the role balancer: change to this configuration as soon as the core takes it, unless
/// another has come in its place. The last wish counts; `next` as `from`: none.
struct wish_members {
  raft_term term;
  configuration from;
  configuration next;
};
struct let_lead {
  member_id next;
};

/// From a link.
struct from_link {
  member_id peer;
  std::shared_ptr<const codec::link_body> body;
};
struct session_changed {
  member_id peer;
  bool is_up = false;
};

/// To and from the log writer.
struct write_batch {
  std::optional<hard_state> hard;
  std::optional<snapshot_meta> begins_behind;
  std::vector<entry> entries;
};
struct batch_written {
  log_index last;
  raft_term term;
};
struct compact_log {
  snapshot_meta start;
};

/// To and from the applier.
struct commit_batch {
  std::vector<entry> entries;
};
struct applied_report {
  log_index index;
  std::vector<std::uint64_t> digests;  ///< of the chain after each entry of the group
  std::vector<std::uint64_t> settled;
  bool members_changed = false;
};
/// The state is wrong: nothing is applied to it any more.
struct condemn_state {};
struct flush_state {};
struct state_flushed {
  snapshot_meta at;
};
/// A downloaded snapshot, at least as new as what was offered.
struct install_state {
  snapshot_meta offered;
};
struct state_installed {
  snapshot_meta at;
};
struct fetch_failed {};

using raft_handle =
    caf::typed_actor<caf::reacts_to<tick_now>,         // one tick of time has passed
                     caf::reacts_to<look_into_inbox>,  // a member's own writes and reads wait there
                     caf::reacts_to<from_link>,        // a message of another member
                     caf::reacts_to<session_changed>,  // a session began or ended
                     caf::reacts_to<batch_written>,    // a batch is durable
                     caf::reacts_to<applied_report>,   // entries were applied
                     caf::reacts_to<state_flushed>,    // the log may be cut
                     caf::reacts_to<state_installed>,  // a snapshot took the state's place
                     caf::reacts_to<fetch_failed>,     // no snapshot came; the leader offers again
                     caf::reacts_to<wish_members>,     // who shall have which role
                     caf::reacts_to<let_lead>,         // another shall lead
                     caf::reacts_to<carry_out>>;       // carry out what was gathered

using log_writer_handle = caf::typed_actor<caf::reacts_to<write_batch>,   // one synced write
                                           caf::reacts_to<compact_log>>;  // drop the beginning

using applier_handle =
    caf::typed_actor<caf::reacts_to<commit_batch>,    // apply in order
                     caf::reacts_to<condemn_state>,   // apply nothing any more
                     caf::reacts_to<flush_state>,     // make the state durable
                     caf::reacts_to<install_state>>;  // put the downloaded snapshot in place

}  // namespace muster::raft

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::tick_now)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::look_into_inbox)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::carry_out)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::wish_members)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::let_lead)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::from_link)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::session_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::write_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::batch_written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::compact_log)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::commit_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::applied_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::condemn_state)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::flush_state)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::state_flushed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::install_state)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::state_installed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::raft::fetch_failed)
