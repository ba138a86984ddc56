#include "storage/raft_store.hpp"

#include "schemas/codec.hpp"
#include "storage/keys.hpp"
#include "storage/quiet_log.hpp"

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

namespace muster::storage {

namespace {

rocksdb::Slice slice(const blob& b) { return {b.bytes().data(), b.size_bytes()}; }
std::string_view view(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

failure damaged(const std::string& what) {
  return fail(errc::corrupt,
              "the raft store is damaged (" + what +
                  "); this member must not go on with it: remove its data directory and let it "
                  "join again with a new token");
}

failure disk(const rocksdb::Status& s) {
  return fail(errc::corrupt, "the disk refused a write to the raft store: " + s.ToString());
}

status check(const rocksdb::Status& s) {
  if (s.ok()) return ok();
  return disk(s);
}

rocksdb::WriteOptions synced() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

}  // namespace

raft_store::raft_store(std::unique_ptr<rocksdb::DB> db) : db_(std::move(db)) {}
raft_store::~raft_store() = default;

result<std::unique_ptr<raft_store>> raft_store::open(const std::string& path, rocksdb::Env* env) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.env = env;
  options.info_log = std::make_shared<quiet_log>();
  options.write_buffer_size = 16u << 20;
  options.max_background_jobs = 2;
  options.compression = rocksdb::kNoCompression;
  options.allow_concurrent_memtable_write = false;  // there is one writer
  // The default mode opens without a word after a flipped byte in the middle of the log.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  rocksdb::DB* raw = nullptr;
  const auto opened = rocksdb::DB::Open(options, path, &raw);
  std::unique_ptr<rocksdb::DB> db(raw);
  if (opened.IsCorruption()) return damaged(opened.ToString());
  if (opened.IsIOError() && opened.ToString().find("lock file") != std::string::npos)
    return fail(errc::refused, "another musterd already runs on " + path);
  if (!opened.ok())
    return fail(errc::refused, "cannot open the raft store in " + path + ": " + opened.ToString());
  std::unique_ptr<raft_store> store(new raft_store(std::move(db)));
  if (auto loaded = store->load(); !loaded) return loaded.error();
  return store;
}

status raft_store::load() {
  std::string bytes;
  rocksdb::ReadOptions read;
  read.verify_checksums = true;
  // A key that cannot be read is not a key that is not there: a forgotten vote could be given
  // twice.
  auto got = db_->Get(read, keys::hard_state(), &bytes);
  if (!got.ok() && !got.IsNotFound()) return damaged(got.ToString());
  if (got.ok()) {
    auto hard = codec::decode_hard_state(bytes);
    if (!hard) return damaged(hard.error().detail);
    contents_.hard = *hard;
  }
  got = db_->Get(read, keys::log_start(), &bytes);
  if (!got.ok() && !got.IsNotFound()) return damaged(got.ToString());
  if (got.ok()) {
    auto start = codec::decode_snapshot_meta(bytes);
    if (!start) return damaged(start.error().detail);
    contents_.start = *std::move(start);
  }
  log_index expected = contents_.start.index + 1;
  std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(read));
  for (at->Seek(keys::entry(expected));
       at->Valid() && at->key().size() == 9 && at->key()[0] == keys::entry_prefix; at->Next()) {
    auto e = codec::decode_entry(view(at->value()));
    if (!e) return damaged(e.error().detail);
    if (e->index != expected)
      return damaged("entry " + std::to_string(expected.value) + " is missing");
    expected = expected + 1;
    contents_.entries.push_back(*std::move(e));
  }
  if (!at->status().ok()) return damaged(at->status().ToString());
  last_ = expected - 1;
  return ok();
}

status raft_store::write(const std::optional<raft::hard_state>& hard,
                         const std::optional<raft::snapshot_meta>& begins_behind,
                         const std::vector<raft::entry>& entries) {
  rocksdb::WriteBatch batch;
  if (hard) batch.Put(keys::hard_state(), slice(codec::encode(*hard)));
  if (begins_behind) {
    batch.DeleteRange(keys::entry({0}), keys::entry(last_ + 1));
    batch.Put(keys::log_start(), slice(codec::encode(*begins_behind)));
    last_ = begins_behind->index;
  }
  MUSTER_ENSURE(entries.empty() || entries.front().index <= last_ + 1, "the log has no hole");
  for (const auto& e : entries) batch.Put(keys::entry(e.index), slice(codec::encode(e)));
  if (!entries.empty()) {
    for (auto i = entries.back().index + 1; i <= last_; i = i + 1) batch.Delete(keys::entry(i));
    last_ = entries.back().index;
  }
  if (batch.Count() == 0) return ok();
  return check(db_->Write(synced(), &batch));
}

status raft_store::compact(const raft::snapshot_meta& start) {
  rocksdb::WriteBatch batch;
  batch.DeleteRange(keys::entry({0}), keys::entry(start.index + 1));
  batch.Put(keys::log_start(), slice(codec::encode(start)));
  return check(db_->Write(synced(), &batch));
}

}  // namespace muster::storage
