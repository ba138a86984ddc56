#include "storage/disk/log_pace.hpp"

#include "schemas/basic/wall_clock.hpp"

#include <atomic>

namespace muster::storage {

namespace {

constexpr std::uint64_t recent_ms = 20;
std::atomic<std::uint64_t> synced_ms{0};

}  // namespace

void note_log_sync() { synced_ms.store(steady_ms(), std::memory_order_relaxed); }

bool is_log_busy() { return steady_ms() - synced_ms.load(std::memory_order_relaxed) < recent_ms; }

}  // namespace muster::storage
