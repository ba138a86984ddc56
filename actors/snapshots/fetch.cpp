#include "actors/snapshots/fetch.hpp"

#include "schemas/basic/fault_point.hpp"
#include "schemas/basic/metrics.hpp"
#include "storage/snapshots/incoming_snapshot.hpp"
#include "storage/snapshots/snapshot_files.hpp"

namespace muster::snapshots {

namespace {

using storage::incoming_snapshot;

std::string how_much(const incoming_snapshot& in) {
  return std::to_string(in.chunks_here()) + " of " + std::to_string(in.manifest().chunks().size()) +
         " chunks are here";
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

/// @errors errc::not_found if nothing of use is here, or the other has dropped what it belongs to.
status go_on(const source& from, const std::string& data_dir, log_index at_least,
             const std::stop_token& stop, const std::function<void(const std::string&)>& log) {
  auto in = incoming_snapshot::find(data_dir);
  if (!in || in->manifest().index() < at_least || in->chunks_here() == 0)
    return fail(errc::not_found, "there is nothing to go on with");
  log("a snapshot goes on: " + how_much(*in));
  if (auto taken = take_chunks(from, *in, stop); !taken) return taken;
  counts().snapshots_continued.fetch_add(1, std::memory_order_relaxed);
  return in->finish();
}

status begin_anew(const source& from, const std::string& data_dir, log_index at_least,
                  const std::stop_token& stop, const std::function<void(const std::string&)>& log) {
  auto bytes = from.manifest(at_least);
  if (!bytes) return bytes.error();
  auto what = storage::snapshot_manifest::read(*std::move(bytes));
  if (!what) return what.error();
  if (what->index() < at_least) return fail(errc::corrupt, "the snapshot is older than its offer");
  counts().snapshots_begun.fetch_add(1, std::memory_order_relaxed);
  auto in = incoming_snapshot::begin(data_dir, *std::move(what));
  if (!in) return in.error();
  log("a snapshot begins: " + how_much(*in));
  if (auto taken = take_chunks(from, *in, stop); !taken) return taken;
  return in->finish();
}

}  // namespace

status fetch(const source& from, const std::string& data_dir, log_index at_least,
             const std::stop_token& stop, const std::function<void(const std::string&)>& log) {
  auto done = go_on(from, data_dir, at_least, stop, log);
  if (!done && done.error().code == errc::not_found)
    done = begin_anew(from, data_dir, at_least, stop, log);
  if (!done && done.error().code == errc::refused)  // a disk that is full needs the room more
    (void)storage::drop_incoming(data_dir).ok();
  return done;
}

}  // namespace muster::snapshots
