#include "actors/state/applier.hpp"

#include "actors/raft/guarded.hpp"
#include "actors/state/apply.hpp"
#include "schemas/basic/metrics.hpp"
#include "storage/condemned.hpp"
#include "storage/snapshots/snapshot_files.hpp"

#include <caf/typed_event_based_actor.hpp>

#include <pthread.h>

namespace muster::state {

namespace {

using raft::entry;
using raft::entry_kind;

/// What one group of entries did.
struct group {
  std::vector<raft::settled_write> own;
  std::vector<std::uint64_t> digests;
  raft::snapshot_meta at;
  bool members_changed = false;
  bool is_blocked = false;  ///< what comes next is for newer builds
};

/// Whether builds newer than this one may have written to the log.
bool may_be_newer(const transaction& tx, const applier_settings& with) {
  const auto row = tx.only<cluster>();
  return row && row->level > with.level;
}

/// False: it is of a kind that this build does not know, and nothing was done. One that nobody can
/// read is nothing, the same on every member: it must not stop the cluster for ever.
bool apply_command(transaction& tx, const applier_settings& with, const entry& e, group& g) {
  const auto c = codec::decode_command(e.payload);
  if (!c) return !may_be_newer(tx, with);
  auto result = apply(tx, *c);
  if (c->id.member == with.self && c->id.started == with.started)
    g.own.push_back({c->id.sequence, std::move(result)});
  if (const auto* to = std::get_if<raise_level>(&c->body)) g.is_blocked = to->level > with.level;
  return true;
}

group apply_entries(transaction& tx, const applier_settings& with, raft::snapshot_meta at,
                    const std::vector<entry>& entries) {
  group g;
  for (const auto& e : entries) {
    if (e.index <= at.index) continue;  // committed before the snapshot that is here came
    MUSTER_ENSURE(e.index == at.index + 1, "committed entries come in order");
    tx.begin(e.index, e.stamp_ms);
    if (e.kind == entry_kind::command && !apply_command(tx, with, e, g)) {
      g.is_blocked = true;
      break;
    }
    at.index = e.index;
    at.term = e.term;
    at.stamp_ms = e.stamp_ms;
    if (e.kind == entry_kind::configuration) {
      at.members = *e.members;
      g.members_changed = true;
    }
    g.digests.push_back(tx.digest());
    if (g.is_blocked) break;
  }
  if (!g.digests.empty()) at.digest = g.digests.back();
  g.at = std::move(at);
  g.members_changed = g.members_changed || touches(tx.changes(), table::member);
  return g;
}

void block(applier_settings& with) {
  with.is_blocked = true;
  with.show_blocked();
}

void apply_group(applier_state& state, const std::vector<entry>& entries,
                 raft::applied_report& report) {
  auto& with = state.with;
  const auto store = with.holder->get();
  const auto base = store->view();
  transaction tx(*base, store->meta().index, store->meta().digest);
  auto g = apply_entries(tx, with, store->meta(), entries);
  if (auto written = store->write(tx.changes(), g.at); !written) return with.stop(written.error());
  // A member that starts again must know whom to dial before the log is replayed to it.
  if (g.members_changed)
    if (auto flushed = store->flush(); !flushed) return with.stop(flushed.error());
  for (const auto& s : g.own) report.settled.push_back(s.sequence);
  with.waiters->settle(std::move(g.own));
  counts().entries_applied.fetch_add(entries.size(), std::memory_order_relaxed);
  report.index = g.at.index;
  report.digests = std::move(g.digests);
  report.members_changed = g.members_changed;
  if (!tx.events().empty()) with.show_events(tx.events());
  if (!tx.changes().rows.empty()) with.show_changes(tx.changes());
  if (g.members_changed) with.show_members();
  if (g.is_blocked) block(with);
}

/// A state that is known to be wrong gives way to one that is not older: the log may not reach
/// further back.
bool is_wanted(const applier_settings& with, log_index offered) {
  const auto here = with.holder->get()->meta().index;
  if (!with.is_condemned) return here < offered;
  const auto incoming = with.look_at_incoming();
  return incoming.ok() && incoming->index >= std::max(here, offered);
}

status put_in_place(applier_settings& with) {
  if (auto done = storage::install_snapshot(with.data_dir); !done) return done;
  if (!with.is_condemned) return ok();
  with.is_condemned = false;
  return storage::clear_condemned(with.data_dir);
}

/// Puts the downloaded snapshot in place and opens it. None: what is here is newer.
std::optional<raft::snapshot_meta> install(applier_state& state, log_index offered) {
  auto& with = state.with;
  if (!is_wanted(with, offered)) return std::nullopt;
  if (auto done = put_in_place(with); !done) {
    with.stop(done.error());
    return std::nullopt;
  }
  auto store = with.reopen();
  if (!store) return std::nullopt;
  MUSTER_ENSURE(store->meta().index >= offered, "a snapshot is as new as its offer");
  with.holder->replace(store);
  with.show_replaced();
  if (const auto row = store->view()->only<cluster>(); row && row->level > with.level) block(with);
  return store->meta();
}

}  // namespace

raft::applier_handle::behavior_type applier(
    raft::applier_handle::stateful_pointer<applier_state> self, applier_settings with) {
  ::pthread_setname_np(::pthread_self(), "applier");
  raft::stop_on_exception(self, "applier", with.stop);
  self->state.with = std::move(with);
  const auto raft_actor = [self] {
    return caf::actor_cast<raft::raft_handle>(self->current_sender());
  };
  return {
      [=](const raft::commit_batch& batch) {
        if (self->state.with.is_condemned || self->state.with.is_blocked) return;
        raft::applied_report report;
        apply_group(self->state, batch.entries, report);
        self->send(raft_actor(), std::move(report));
      },
      [=](raft::condemn_state) {
        auto& mine = self->state.with;
        mine.is_condemned = true;
        if (auto marked = storage::mark_condemned(mine.data_dir); !marked)
          mine.stop(marked.error());
      },
      [=](raft::flush_state) {
        auto flushed = self->state.with.holder->get()->flush();
        if (!flushed) return self->state.with.stop(flushed.error());
        self->send(raft_actor(), raft::state_flushed{*std::move(flushed)});
      },
      [=](const raft::install_state& m) {
        if (auto at = install(self->state, m.offered.index))
          self->send(raft_actor(), raft::state_installed{*at});
        else
          self->send(raft_actor(), raft::fetch_failed{});
      },
  };
}

}  // namespace muster::state
