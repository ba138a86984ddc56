#pragma once
#include "schemas/state_view.hpp"
#include "storage/rows/state_store.hpp"

#include <memory>
#include <mutex>

namespace muster::state {

/// The state store of this member; an installed snapshot takes its place. Any thread.
class state_holder {
public:
  explicit state_holder(std::shared_ptr<storage::state_store> store) : store_(std::move(store)) {}
  [[nodiscard]] std::shared_ptr<storage::state_store> get() const {
    const std::lock_guard guard(lock_);
    return store_;
  }
  void replace(std::shared_ptr<storage::state_store> store) {
    const std::lock_guard guard(lock_);
    store_ = std::move(store);
  }
  /// The state of this moment.
  [[nodiscard]] std::unique_ptr<state_view> view() const { return get()->view(); }

private:
  mutable std::mutex lock_;
  std::shared_ptr<storage::state_store> store_;
};

}  // namespace muster::state
