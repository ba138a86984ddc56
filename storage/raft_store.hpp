#pragma once
#include "schemas/raft_types.hpp"
#include "schemas/result.hpp"

#include <memory>
#include <optional>
#include <string>

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace muster::storage {

/// Term, vote and entries of one member. One synced batch a write: when it returns, all of it is
/// durable. Used by the log writer's thread only.
class raft_store {
public:
  struct contents {
    raft::hard_state hard;
    raft::snapshot_meta start;  ///< the entry before the first one kept
    std::vector<raft::entry> entries;
  };

  /// Opens or makes the store. A torn end (a write that never finished) is cut.
  /// @errors errc::corrupt: a damaged middle, a gap; the sentence says what to do.
  static result<std::unique_ptr<raft_store>> open(const std::string& path, rocksdb::Env* env);
  ~raft_store();

  /// What the disk held when the store was opened; gives it away.
  contents take_contents() { return std::move(contents_); }

  /// With `begins_behind` all entries go and the log begins anew behind it: a snapshot took their
  /// place. Entries at and behind entries.front().index are replaced.
  /// @errors errc::corrupt: the disk refused; the member must stop before it answers anything.
  status write(const std::optional<raft::hard_state>& hard,
               const std::optional<raft::snapshot_meta>& begins_behind,
               const std::vector<raft::entry>& entries);
  /// Drops the entries up to start.index; the log begins behind it.
  status compact(const raft::snapshot_meta& start);

private:
  raft_store(std::unique_ptr<rocksdb::DB> db);
  status load();

  std::unique_ptr<rocksdb::DB> db_;
  contents contents_;
  log_index last_;
};

}  // namespace muster::storage
