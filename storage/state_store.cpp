#include "storage/state_store.hpp"

#include "schemas/codec.hpp"
#include "storage/keys.hpp"
#include "storage/quiet_log.hpp"

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
  snapshot_view(std::shared_ptr<rocksdb::DB> db, std::shared_ptr<rare_rows> rare)
      : db_(std::move(db)), rare_(std::move(rare)), snapshot_(db_->GetSnapshot()) {
    options_.snapshot = snapshot_;
  }
  ~snapshot_view() override { db_->ReleaseSnapshot(snapshot_); }
  snapshot_view(const snapshot_view&) = delete;
  snapshot_view& operator=(const snapshot_view&) = delete;

  std::optional<object> get(const row_key& key) const override {
    if (!changes_seldom(key.where)) return read(key);
    if (auto known = rare_->find(key)) return *std::move(known);
    auto row = read(key);
    rare_->keep(key, row);
    return row;
  }

  std::optional<object_id> find(table where, project_id project,
                                std::string_view name) const override {
    const name_key key{where, project, std::string(name)};
    if (!changes_seldom(where)) return read(key);
    if (auto known = rare_->find(key)) return *known;
    const auto id = read(key);
    rare_->keep(key, id);
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
  [[nodiscard]] std::optional<object> read(const row_key& key) const {
    rocksdb::PinnableSlice bytes;
    if (!found(db_->Get(options_, db_->DefaultColumnFamily(), keys::row(key), &bytes)))
      return std::nullopt;
    return decoded(text(bytes));
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
  std::shared_ptr<rare_rows> rare_;
  const rocksdb::Snapshot* snapshot_;
  rocksdb::ReadOptions options_;
};

}  // namespace

state_store::~state_store() = default;

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
  std::unique_ptr<state_store> store(new state_store(std::move(db)));
  std::string bytes;
  const auto read = store->db_->Get({}, keys::state_meta(), &bytes);
  if (read.ok()) {
    auto meta = codec::decode_snapshot_meta(bytes);
    if (!meta) return meta.error();
    store->meta_ = *std::move(meta);
  } else if (!read.IsNotFound()) {
    return disk(read);
  }
  return store;
}

std::unique_ptr<state_view> state_store::view() const {
  const std::lock_guard guard(rare_lock_);
  return std::make_unique<snapshot_view>(db_, rare_ ? rare_ : std::make_shared<rare_rows>());
}

status state_store::write(const row_changes& changes, const raft::snapshot_meta& at) {
  if (!rare_rows::are_touched(changes)) return put(changes, at);
  share(nullptr);  // a view of the time between has rare rows of its own
  auto done = put(changes, at);
  share(std::make_shared<rare_rows>());
  return done;
}

void state_store::share(std::shared_ptr<rare_rows> next) {
  const std::lock_guard guard(rare_lock_);
  rare_ = std::move(next);
}

status state_store::put(const row_changes& changes, const raft::snapshot_meta& at) {
  rocksdb::WriteBatch batch;
  for (const auto& [key, row] : changes.rows) {
    if (row)
      batch.Put(keys::row(key), slice(codec::encode(*row)));
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
  if (const auto s = db_->Write(unsynced, &batch); !s.ok()) return disk(s);
  meta_ = at;
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
