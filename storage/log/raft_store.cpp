#include "storage/log/raft_store.hpp"

#include "schemas/codec/codec.hpp"
#include "storage/log/file_content.hpp"
#include "storage/log/log_record.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

namespace muster::storage {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t file_bytes_min = 1u << 20;
constexpr std::size_t file_bytes_max = 16u << 20;

failure damaged(const std::string& what) {
  return fail(errc::corrupt,
              "the raft store is damaged (" + what +
                  "); this member must not go on with it: remove its data directory and let it "
                  "join again with a new token");
}

/// Held as long as the descriptor is open.
result<int> lock(const std::string& folder) {
  const int fd = ::open((folder + "/LOCK").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(errc::refused, "cannot open " + folder + ": " + std::strerror(errno));
  struct flock wanted {};
  wanted.l_type = F_WRLCK;
  if (::fcntl(fd, F_OFD_SETLK, &wanted) == 0) return fd;
  ::close(fd);
  return fail(errc::refused, "another musterd already runs on " + folder);
}

/// Numbers of the files in the folder.
std::set<std::uint64_t> files_in(const std::string& folder) {
  std::set<std::uint64_t> all;
  std::error_code none;
  for (const auto& f : fs::directory_iterator(folder, none)) {
    if (f.path().extension() != ".log") continue;
    const auto number = std::strtoull(f.path().stem().c_str(), nullptr, 16);
    if (f.path() == log_file::path_of(folder, number)) all.insert(number);
  }
  return all;
}

}  // namespace

raft_store::raft_store(std::string folder, int lock) : folder_(std::move(folder)), lock_(lock) {}
raft_store::~raft_store() = default;

result<std::unique_ptr<raft_store>> raft_store::open(const std::string& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return fail(errc::refused, "cannot make " + folder + ": " + failed.message());
  auto held = lock(folder);
  if (!held) return held.error();
  std::unique_ptr<raft_store> store(new raft_store(folder, *held));
  if (auto loaded = store->load(); !loaded) return loaded.error();
  return store;
}

status raft_store::load() {
  auto files = files_in(folder_);
  if (auto dropped = drop_unbegun(files); !dropped) return dropped;
  log_replay replay;
  if (!files.empty() && *files.rbegin() - *files.begin() + 1 != files.size())
    return damaged("a file in the middle of " + folder_ + " is missing");
  for (const auto number : files)
    if (auto loaded = load_file(number, number == *files.rbegin(), replay); !loaded) return loaded;
  auto all = replay.finish();
  if (!all) return damaged(all.error().detail);
  contents_ = *std::move(all);
  hard_ = contents_.hard;
  start_ = contents_.start;
  last_ = contents_.entries.empty() ? start_.index : contents_.entries.back().index;
  return current_ ? ok() : begin_file(0);
}

/// A file that was being made for later, or whose first record never came: the one before it is the
/// last.
status raft_store::drop_unbegun(std::set<std::uint64_t>& files) const {
  if (files.empty()) return ok();
  const auto number = *files.rbegin();
  const auto path = log_file::path_of(folder_, number);
  auto file = file_content::open(path);
  if (!file) return damaged(file.error().detail);
  if (record_at(file->bytes(), number, 0) ||
      judge_end(file->bytes(), number, 0) == log_end::damaged)
    return ok();
  files.erase(number);
  return ::unlink(path.c_str()) == 0 ? ok() : status(damaged("cannot remove " + path));
}

status raft_store::load_file(std::uint64_t number, bool is_last, log_replay& into) {
  auto file = file_content::open(log_file::path_of(folder_, number));
  if (!file) return damaged(file.error().detail);
  const auto bytes = file->bytes();
  std::size_t end = 0;
  while (const auto r = record_at(bytes, number, end)) {
    if (auto taken = into.take(r->payload); !taken) return damaged(taken.error().detail);
    end += r->size_bytes;
  }
  const auto behind = judge_end(bytes, number, end);
  if (behind == log_end::damaged || (behind == log_end::torn && !is_last))
    return damaged("a record in " + log_file::path_of(folder_, number) +
                   " is not what was written");
  if (current_) ended_[current_->number()] = highest_;
  if (behind == log_end::torn)
    if (auto cut = log_file::cut(folder_, number, end); !cut) return cut;
  auto opened = log_file::open(folder_, number, bytes.size(), bytes.substr(0, end));
  if (!opened) return opened.error();
  current_ = *std::move(opened);
  highest_ = into.take_highest();
  return ok();
}

status raft_store::write(const std::optional<raft::hard_state>& hard,
                         const std::optional<raft::snapshot_meta>& begins_behind,
                         const std::vector<raft::entry>& entries) {
  if (!hard && !begins_behind && entries.empty()) return ok();
  begin_record(record_);
  if (hard) add_item(record_, log_item::hard_state, codec::encode(*hard).bytes());
  if (begins_behind) {
    add_item(record_, log_item::begins_behind, codec::encode(*begins_behind).bytes());
    last_ = begins_behind->index;
  }
  MUSTER_ENSURE(entries.empty() || entries.front().index <= last_ + 1, "the log has no hole");
  for (const auto& e : entries) add_item(record_, log_item::entry, codec::encode(e).bytes());
  if (auto done = put(record_); !done) return done;
  if (hard) hard_ = *hard;
  if (!entries.empty()) last_ = entries.back().index;
  highest_ = std::max(highest_, last_);
  if (begins_behind) {
    start_ = *begins_behind;
    drop_files_before(start_.index + 1);
  }
  return ok();
}

status raft_store::compact(const raft::snapshot_meta& start) {
  begin_record(record_);
  add_item(record_, log_item::compacted, codec::encode(start).bytes());
  if (auto done = put(record_); !done) return done;
  start_ = start;
  drop_files_before(start.index + 1);
  return ok();
}

status raft_store::put(std::string& record) {
  if (current_->room_bytes() < record.size() + sizeof(std::uint64_t))
    if (auto begun = begin_file(record.size()); !begun) return begun;
  current_->write(record);
  if (auto synced = current_->sync(); !synced) return synced;
  if (current_->room_bytes() < current_->size_bytes() / 2) prepare_next();
  return ok();
}

/// Each file begins with what counts of the ones before, so that those can be dropped.
status raft_store::begin_file(std::size_t record_bytes) {
  std::string first;
  begin_record(first);
  add_item(first, log_item::hard_state, codec::encode(hard_).bytes());
  add_item(first, log_item::compacted, codec::encode(start_).bytes());
  auto made = next_file(first.size() + record_bytes + 2 * sizeof(std::uint64_t));
  if (!made) return made.error();
  if (current_) ended_[current_->number()] = std::exchange(highest_, log_index{});
  current_ = *std::move(made);
  current_->write(first);
  return current_->sync();
}

/// The one that was made meanwhile, if it is there and large enough.
result<raft_store::file_ptr> raft_store::next_file(std::size_t size_bytes_min) {
  if (next_.valid()) {
    auto made = next_.get();
    if (made && (*made)->size_bytes() >= size_bytes_min)
      return made;  // else anew: room may be back
  }
  const auto number = current_ ? current_->number() + 1 : 1;
  return log_file::make(folder_, number, std::max(file_bytes_min, size_bytes_min));
}

void raft_store::prepare_next() {
  if (next_.valid()) return;
  try {
    next_ = std::async(std::launch::async, log_file::make, folder_, current_->number() + 1,
                       std::clamp(2 * current_->size_bytes(), file_bytes_min, file_bytes_max));
  } catch (const std::system_error&) {
    // No thread can be had: it is made when it is needed.
  }
}

void raft_store::drop_files_before(log_index begins) {
  while (!ended_.empty() && ended_.begin()->second < begins) {
    std::error_code ignored;
    fs::remove(log_file::path_of(folder_, ended_.begin()->first), ignored);
    ended_.erase(ended_.begin());
  }
}

}  // namespace muster::storage
