#include "actors/raft/log_writer.hpp"

#include "actors/raft/guarded.hpp"
#include "schemas/basic/metrics.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <pthread.h>

namespace muster::raft {

log_writer_handle::behavior_type log_writer(
    log_writer_handle::stateful_pointer<log_writer_state> self,
    std::shared_ptr<storage::raft_store> store, stop_member stop) {
  ::pthread_setname_np(::pthread_self(), "log-writer");
  stop_on_exception(self, "log writer", stop);
  self->state.store = std::move(store);
  self->state.stop = std::move(stop);
  const auto raft_actor = [self] { return caf::actor_cast<raft_handle>(self->current_sender()); };
  return {
      [=](const write_batch& batch) {
        auto& state = self->state;
        if (auto written = state.store->write(batch.hard, batch.begins_behind, batch.entries);
            !written)
          return state.stop(written.error());
        counts().log_syncs.fetch_add(1, std::memory_order_relaxed);
        counts().entries_written.fetch_add(batch.entries.size(), std::memory_order_relaxed);
        batch_written done;
        if (!batch.entries.empty()) done = {batch.entries.back().index, batch.entries.back().term};
        self->send(raft_actor(), done);
      },
      [=](const compact_log& cut) {
        if (auto done = self->state.store->compact(cut.start); !done)
          self->state.stop(done.error());
      },
  };
}

}  // namespace muster::raft
