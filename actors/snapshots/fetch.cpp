#include "actors/snapshots/fetch.hpp"

#include "schemas/fault_point.hpp"
#include "schemas/metrics.hpp"
#include "storage/incoming_snapshot.hpp"
#include "storage/snapshot_files.hpp"

namespace muster::snapshots {

namespace {

using storage::incoming_snapshot;

std::string how_much(const incoming_snapshot& in) {
  return std::to_string(in.chunks_here()) + " of " + std::to_string(in.manifest().chunks().size()) +
         " chunks are here";
}

result<incoming_snapshot> begin(const source& from, const std::string& data_dir,
                                log_index at_least) {
  auto bytes = from.manifest(at_least);
  if (!bytes) return bytes.error();
  auto what = storage::snapshot_manifest::read(*std::move(bytes));
  if (!what) return what.error();
  if (what->index() < at_least) return fail(errc::corrupt, "the snapshot is older than its offer");
  counts().snapshots_begun.fetch_add(1, std::memory_order_relaxed);
  return incoming_snapshot::begin(data_dir, *std::move(what));
}

/// A chunk that does not come, or comes damaged, is asked for again.
status take_chunks(const source& from, incoming_snapshot& in, const std::stop_token& stop) {
  int failed = 0;
  while (const auto n = in.next_missing()) {
    if (stop.stop_requested()) return fail(errc::unavailable, "this member stops");
    const auto content = from.chunk(in.manifest().id(), *n);
    const auto kept = content ? in.keep(*n, *content) : status(content.error());
    if (kept) {
      failed = 0;
      counts().snapshot_chunks_taken.fetch_add(1, std::memory_order_relaxed);
      fault_point("snapshot.chunk_kept");
      continue;
    }
    const auto why = kept.error().code;
    if (why == errc::corrupt)
      counts().snapshot_chunks_damaged.fetch_add(1, std::memory_order_relaxed);
    if (why == errc::not_found || why == errc::refused) return kept;
    if (++failed == limits::snapshot_attempts_max) return kept;
  }
  return ok();
}

}  // namespace

status fetch(const source& from, const std::string& data_dir, log_index at_least,
             const std::stop_token& stop, const std::function<void(const std::string&)>& log) {
  auto left = incoming_snapshot::find(data_dir);
  if (left && left->manifest().index() >= at_least && left->chunks_here() > 0) {
    log("a snapshot goes on: " + how_much(*left));
    const auto taken = take_chunks(from, *left, stop);
    if (taken) {
      counts().snapshots_continued.fetch_add(1, std::memory_order_relaxed);
      return left->finish();
    }
    if (taken.error().code != errc::not_found) return taken;
  }
  auto in = begin(from, data_dir, at_least);
  if (!in) return in.error();
  log("a snapshot begins: " + how_much(*in));
  if (auto taken = take_chunks(from, *in, stop); !taken) {
    // A disk that is full needs the room more.
    if (taken.error().code == errc::refused) (void)storage::drop_incoming(data_dir).ok();
    return taken;
  }
  return in->finish();
}

}  // namespace muster::snapshots
