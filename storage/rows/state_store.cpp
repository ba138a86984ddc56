#include "storage/rows/state_store.hpp"

#include "schemas/codec/codec.hpp"
#include "storage/disk/quiet_log.hpp"
#include "storage/rows/keys.hpp"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

namespace muster::storage {

namespace {

rocksdb::Slice slice(const blob& b) { return {b.bytes().data(), b.size_bytes()}; }
std::string_view text(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

failure disk(const rocksdb::Status& s) {
  return fail(errc::corrupt, "the state store failed: " + s.ToString());
}

/// Rows are written by this program and guarded by block checksums: a bad one is a broken
/// invariant.
object decoded(std::string_view bytes) {
  auto row = codec::decode_row(bytes);
  MUSTER_ENSURE(row.ok(), "a row of the state store cannot be read");
  return *std::move(row);
}

class snapshot_view final : public state_view {
public:
  /// `at` is read before the snapshot is taken: what the cache knows to be so since then or earlier
  /// is what the snapshot holds.
  snapshot_view(std::shared_ptr<rocksdb::DB> db, std::shared_ptr<row_cache> cache, log_index at)
      : db_(std::move(db)), cache_(std::move(cache)), at_(at), snapshot_(db_->GetSnapshot()) {
    options_.snapshot = snapshot_;
  }
  ~snapshot_view() override { db_->ReleaseSnapshot(snapshot_); }
  snapshot_view(const snapshot_view&) = delete;
  snapshot_view& operator=(const snapshot_view&) = delete;

  row_ptr get(const row_key& key) const override {
    if (auto known = cache_->find(key, at_)) return *std::move(known);
    rocksdb::PinnableSlice bytes;
    const auto row = read(key, bytes);
    cache_->keep(key, row, bytes.size(), at_);
    return row;
  }

  std::optional<object_id> find(table where, project_id project,
                                std::string_view name) const override {
    const name_key key{where, project, std::string(name)};
    if (auto known = cache_->find(key, at_)) return *known;
    const auto id = read(key);
    cache_->keep(key, id, at_);
    return id;
  }

  void each(table where, std::optional<project_id> project, const visitor& see) const override {
    const auto prefix = keys::row_prefix(where, project);
    std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options_));
    for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next())
      if (!see(decoded(text(at->value())))) return;
    MUSTER_ENSURE(at->status().ok(), "the state store cannot be read");
  }

  log_index applied() const override {
    rocksdb::PinnableSlice bytes;
    if (!found(db_->Get(options_, db_->DefaultColumnFamily(), keys::state_meta(), &bytes)))
      return {};
    auto meta = codec::decode_snapshot_meta(text(bytes));
    MUSTER_ENSURE(meta.ok(), "the meta row of the state store cannot be read");
    return meta->index;
  }

private:
  row_ptr read(const row_key& key, rocksdb::PinnableSlice& bytes) const {
    if (!found(db_->Get(options_, db_->DefaultColumnFamily(), keys::row(key), &bytes)))
      return nullptr;
    return std::make_shared<const object>(decoded(text(bytes)));
  }
  [[nodiscard]] std::optional<object_id> read(const name_key& key) const {
    rocksdb::PinnableSlice bytes;
    if (!found(db_->Get(options_, db_->DefaultColumnFamily(), keys::name(key), &bytes)))
      return std::nullopt;
    return object_id{keys::read_big_endian(text(bytes))};
  }
  static bool found(const rocksdb::Status& s) {
    MUSTER_ENSURE(s.ok() || s.IsNotFound(), "the state store cannot be read");
    return s.ok();
  }

  std::shared_ptr<rocksdb::DB> db_;
  std::shared_ptr<row_cache> cache_;
  log_index at_;
  const rocksdb::Snapshot* snapshot_;
  rocksdb::ReadOptions options_;
};

}  // namespace

state_store::~state_store() = default;

result<raft::snapshot_meta> state_store::look_at(const std::string& path, rocksdb::Env* env) {
  rocksdb::Options options;
  if (env) options.env = env;
  options.info_log = std::make_shared<quiet_log>();
  rocksdb::DB* raw = nullptr;
  const auto opened = rocksdb::DB::OpenForReadOnly(options, path, &raw);
  const std::unique_ptr<rocksdb::DB> db(raw);
  std::string bytes;
  if (!opened.ok()) return disk(opened);
  if (const auto read = db->Get({}, keys::state_meta(), &bytes); !read.ok()) return disk(read);
  return codec::decode_snapshot_meta(bytes);
}

result<std::unique_ptr<state_store>> state_store::open(const std::string& path, rocksdb::Env* env) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.env = env;
  options.info_log = std::make_shared<quiet_log>();
  options.write_buffer_size = 32u << 20;
  options.max_background_jobs = 2;
  options.compression = rocksdb::kNoCompression;
  options.allow_concurrent_memtable_write = false;  // there is one writer
  // Most names that are looked up on a create are not there.
  rocksdb::BlockBasedTableOptions tables;
  tables.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(tables));
  options.memtable_whole_key_filtering = true;
  options.memtable_prefix_bloom_size_ratio = 0.02;
  // Rings and tables grow at their end: the place of the last row of a table is a good guess.
  options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(keys::table_prefix_bytes));
  rocksdb::DB* raw = nullptr;
  const auto opened = rocksdb::DB::Open(options, path, &raw);
  std::shared_ptr<rocksdb::DB> db(raw);
  if (!opened.ok())
    return fail(errc::corrupt, "cannot open the state store in " + path + ": " + opened.ToString());
  raft::snapshot_meta at;
  std::string bytes;
  const auto read = db->Get({}, keys::state_meta(), &bytes);
  if (read.ok()) {
    auto meta = codec::decode_snapshot_meta(bytes);
    if (!meta) return meta.error();
    at = *std::move(meta);
  } else if (!read.IsNotFound()) {
    return disk(read);
  }
  return std::unique_ptr<state_store>(new state_store(std::move(db), std::move(at)));
}

std::unique_ptr<state_view> state_store::view() const {
  return std::make_unique<snapshot_view>(db_, cache_, written_.load());
}

status state_store::write(const row_changes& changes, const raft::snapshot_meta& at) {
  rocksdb::WriteBatch batch;
  std::vector<std::size_t> bytes;
  for (const auto& [key, row] : changes.rows) {
    const auto encoded = row ? codec::encode(*row) : blob();
    bytes.push_back(encoded.size_bytes());
    if (row)
      batch.Put(keys::row(key), slice(encoded));
    else
      batch.Delete(keys::row(key));
  }
  for (const auto& [key, id] : changes.names) {
    if (id)
      batch.Put(keys::name(key), keys::big_endian(id->value));
    else
      batch.Delete(keys::name(key));
  }
  batch.Put(keys::state_meta(), slice(codec::encode(at)));
  rocksdb::WriteOptions unsynced;
  unsynced.disableWAL = true;
  cache_->take(changes, bytes, at.index);
  if (const auto s = db_->Write(unsynced, &batch); !s.ok()) return disk(s);
  meta_ = at;
  written_ = at.index;
  return ok();
}

result<raft::snapshot_meta> state_store::flush() {
  const auto at = meta_;
  if (const auto s = db_->Flush(rocksdb::FlushOptions{}); !s.ok()) return disk(s);
  return at;
}

status state_store::checkpoint(const std::string& directory) const {
  rocksdb::Checkpoint* raw = nullptr;
  if (const auto s = rocksdb::Checkpoint::Create(db_.get(), &raw); !s.ok()) return disk(s);
  std::unique_ptr<rocksdb::Checkpoint> maker(raw);
  if (const auto s = maker->CreateCheckpoint(directory); !s.ok()) return disk(s);
  return ok();
}

}  // namespace muster::storage
