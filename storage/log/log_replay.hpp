#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/raft_types.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What records of a raft log hold, and what they come to one after the other. Pure.
namespace muster::storage {

enum class log_item : std::uint32_t { hard_state = 1, begins_behind, compacted, entry };

/// Appends an item to the payload of a record.
void add_item(std::string& record, log_item kind, std::string_view bytes);

class log_replay {
public:
  /// @errors errc::corrupt with what is wrong.
  status take(std::string_view payload);
  /// Highest index of an entry since it was asked last; 0: none.
  log_index take_highest() { return std::exchange(highest_, log_index{}); }

  struct contents {
    raft::hard_state hard;
    raft::snapshot_meta start;  ///< the entry before the first one kept
    std::vector<raft::entry> entries;
  };
  /// @errors errc::corrupt: entries are missing.
  result<contents> finish();

private:
  status take_one(log_item kind, std::string_view bytes);
  status take_entry(std::string_view bytes);

  contents all_;
  log_index highest_;
};

}  // namespace muster::storage
