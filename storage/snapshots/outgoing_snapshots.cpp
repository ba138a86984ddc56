#include "storage/snapshots/outgoing_snapshots.hpp"

#include "schemas/basic/metrics.hpp"
#include "storage/snapshots/snapshot_files.hpp"

#include <algorithm>
#include <filesystem>

namespace muster::storage {

namespace fs = std::filesystem;

namespace {

void remove_directory(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

}  // namespace

outgoing_snapshots::snapshot::~snapshot() { remove_directory(directory); }

result<std::string> outgoing_snapshots::offer(const state_store& store, log_index at_least,
                                              clock::time_point now) {
  std::unique_lock guard(lock_);
  if (!made_one_.wait_for(guard, limits::snapshot_manifest_deadline / 2,
                          [&] { return !is_making_; }))
    return fail(errc::busy, "another snapshot is being made");
  if (const auto one = find(at_least, now)) return one->manifest.bytes();
  auto old = make_room(now);
  if (!old) return old.error();
  const auto directory = outgoing_directory(data_dir_, made_++);
  is_making_ = true;
  guard.unlock();
  (*old).reset();
  auto one = make(store, directory, at_least, now);
  guard.lock();
  is_making_ = false;
  made_one_.notify_one();
  if (!one) return one.error();
  kept_.push_back(*one);
  return (*one)->manifest.bytes();
}

result<std::shared_ptr<outgoing_snapshots::snapshot>> outgoing_snapshots::make(
    const state_store& store, const std::string& directory, log_index at_least,
    clock::time_point now) const {
  const auto index = store.view()->applied();  // the checkpoint holds this, perhaps more
  if (index < at_least) return fail(errc::unavailable, "the state here is not as new as wanted");
  const auto describe = [&]() -> result<snapshot_manifest> {
    if (auto made = store.checkpoint(directory); !made) return made.error();
    try {
      return snapshot_manifest::describe(directory, index);
    } catch (const std::exception& e) {
      return fail(errc::corrupt, std::string("cannot read the checkpoint: ") + e.what());
    }
  };
  auto manifest = describe();
  if (!manifest) {
    remove_directory(directory);
    return manifest.error();
  }
  counts().snapshots_made.fetch_add(1, std::memory_order_relaxed);
  return std::make_shared<snapshot>(directory, *std::move(manifest), now);
}

result<std::string> outgoing_snapshots::chunk(const std::string& id, std::size_t n,
                                              clock::time_point now) {
  std::shared_ptr<snapshot> one;
  {
    const std::lock_guard guard(lock_);
    for (const auto& s : kept_)
      if (s->manifest.id() == id) one = s;
    if (!one || n >= one->manifest.chunks().size())
      return fail(errc::not_found, "no such chunk of a snapshot is kept here");
    one->asked = std::max(one->asked, now);
  }
  counts().snapshot_chunks_sent.fetch_add(1, std::memory_order_relaxed);
  return one->manifest.read_chunk(one->directory, n);
}

/// Several may fetch the same one.
std::shared_ptr<outgoing_snapshots::snapshot> outgoing_snapshots::find(log_index at_least,
                                                                       clock::time_point now) {
  for (const auto& s : kept_) {
    if (s->manifest.index() < at_least) continue;
    s->asked = std::max(s->asked, now);
    return s;
  }
  return nullptr;
}

/// The one that was not asked for longest goes, but none that is being sent: two receivers too many
/// would push each other's out for ever.
result<std::shared_ptr<outgoing_snapshots::snapshot>> outgoing_snapshots::make_room(
    clock::time_point now) {
  if (kept_.size() < limits::snapshots_kept_max) return std::shared_ptr<snapshot>();
  const auto oldest = std::min_element(
      kept_.begin(), kept_.end(), [](const auto& a, const auto& b) { return a->asked < b->asked; });
  if (now - (*oldest)->asked < limits::snapshot_in_use_time)
    return fail(errc::busy, "as many snapshots as are kept are being sent");
  auto old = *oldest;
  kept_.erase(oldest);
  return old;
}

void outgoing_snapshots::drop_unused(clock::time_point now) {
  std::vector<std::shared_ptr<snapshot>> old;  // removed without the lock
  const std::lock_guard guard(lock_);
  const auto kept = std::partition(kept_.begin(), kept_.end(), [&](const auto& s) {
    return now - s->asked < limits::snapshot_kept_time;
  });
  old.assign(kept, kept_.end());
  kept_.erase(kept, kept_.end());
}

void outgoing_snapshots::forget() {
  std::vector<std::shared_ptr<snapshot>> old;  // removed without the lock
  const std::lock_guard guard(lock_);
  old.swap(kept_);
}

std::optional<log_index> outgoing_snapshots::oldest_in_use(clock::time_point now) const {
  const std::lock_guard guard(lock_);
  std::optional<log_index> oldest;
  for (const auto& s : kept_)
    if (now - s->asked < limits::snapshot_in_use_time)
      oldest = std::min(oldest.value_or(s->manifest.index()), s->manifest.index());
  return oldest;
}

}  // namespace muster::storage
