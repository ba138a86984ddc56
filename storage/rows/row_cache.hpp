#pragma once
#include "schemas/row_changes.hpp"

#include <mutex>
#include <vector>

namespace muster::storage {

/// Rows and names that were asked for or written last. Each says since which entry it is so: a view
/// takes what was so at its own entry, and looks into the store for the rest. Thread-safe.
class row_cache {
public:
  explicit row_cache(log_index now) : now_(now) {}

  /// The row as it is at entry `at` and later; null: there is none. Empty: not known.
  [[nodiscard]] std::optional<row_ptr> find(const row_key& key, log_index at) const;
  [[nodiscard]] std::optional<std::optional<object_id>> find(const name_key& key,
                                                             log_index at) const;
  /// What the store holds at entry `at`. Ignored if something may have been written since.
  /// @param bytes of the row as stored: large ones are not kept.
  void keep(const row_key& key, row_ptr row, std::size_t bytes, log_index at);
  void keep(const name_key& key, std::optional<object_id> id, log_index at);
  /// Comes before the write that brings the store to entry `next`. @param bytes of each row, in
  /// order.
  void take(const row_changes& changes, const std::vector<std::size_t>& bytes, log_index next);

private:
  static constexpr std::size_t kept_max = 2048;  ///< of each kind
  template <class Value>
  struct known {
    Value value;
    log_index since;
  };
  using known_row = known<row_ptr>;
  using known_name = known<std::optional<object_id>>;
  mutable std::mutex lock_;
  log_index now_;
  std::map<row_key, known_row> rows_;
  std::map<name_key, known_name> names_;
};

}  // namespace muster::storage
