#include "storage/outgoing_snapshots.hpp"

#include "schemas/metrics.hpp"
#include "storage/snapshot_files.hpp"

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
  if (!make_room(now)) return fail(errc::busy, "as many snapshots as are kept are being sent");
  const auto directory = outgoing_directory(data_dir_, made_++);
  is_making_ = true;
  guard.unlock();
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
  auto made = store.checkpoint(directory);
  auto manifest = made ? snapshot_manifest::describe(directory, index)
                       : result<snapshot_manifest>(made.error());
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
bool outgoing_snapshots::make_room(clock::time_point now) {
  if (kept_.size() < limits::snapshots_kept_max) return true;
  const auto oldest = std::min_element(
      kept_.begin(), kept_.end(), [](const auto& a, const auto& b) { return a->asked < b->asked; });
  if (now - (*oldest)->asked < limits::snapshot_in_use_time) return false;
  kept_.erase(oldest);
  return true;
}

void outgoing_snapshots::drop_unused(clock::time_point now) {
  const std::lock_guard guard(lock_);
  std::erase_if(kept_, [&](const auto& s) { return now - s->asked >= limits::snapshot_kept_time; });
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
