#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/raft_types.hpp"
#include "schemas/row_changes.hpp"
#include "schemas/state_view.hpp"
#include "storage/rows/row_cache.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace rocksdb {
class DB;
class Env;
}  // namespace rocksdb

namespace muster::storage {

/// The replicated state of one member: one column family, no log of its own, so that a crash leaves
/// a moment of the past that the raft log brings up to date. Reads from any thread; writes from the
/// applier's thread only.
class state_store {
public:
  /// @errors errc::corrupt with a sentence for people.
  static result<std::unique_ptr<state_store>> open(const std::string& path, rocksdb::Env* env);
  ~state_store();

  /// Where the store in `path` stands; it is not changed.
  static result<raft::snapshot_meta> look_at(const std::string& path, rocksdb::Env* env);

  /// Where the state stands: entry, term, stamp, configuration, digest of the chain.
  [[nodiscard]] raft::snapshot_meta meta() const { return meta_; }
  /// The state of this moment; stays as it is while it is held. Any thread.
  [[nodiscard]] std::unique_ptr<state_view> view() const;
  /// One batch: rows, names and `at`. Not yet durable.
  status write(const row_changes& changes, const raft::snapshot_meta& at);
  /// Makes everything written so far durable and gives where that is.
  result<raft::snapshot_meta> flush();
  /// Lives as long as the store or any of its views: until then its directory cannot be opened
  /// anew.
  [[nodiscard]] std::weak_ptr<const void> life() const { return db_; }
  /// Hard-linked copy in `directory`, which must not exist. Holds its own meta.
  status checkpoint(const std::string& directory) const;

private:
  state_store(std::shared_ptr<rocksdb::DB> db, raft::snapshot_meta meta)
      : db_(std::move(db)),
        meta_(std::move(meta)),
        written_(meta_.index),
        cache_(std::make_shared<row_cache>(meta_.index)) {}

  std::shared_ptr<rocksdb::DB> db_;
  raft::snapshot_meta meta_;
  std::atomic<log_index> written_;  ///< the store is at least as new as this entry
  std::shared_ptr<row_cache> cache_;
};

}  // namespace muster::storage
