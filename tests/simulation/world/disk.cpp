#include "tests/simulation/world/disk.hpp"

#include "schemas/codec/codec.hpp"

namespace muster::simulation {

namespace {

std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t sum = 0xcbf29ce484222325ULL;
  for (const auto c : bytes) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return sum;
}

void put_number(std::string& out, std::uint64_t n) {
  out.append(reinterpret_cast<const char*>(&n), sizeof n);
}

std::uint64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t n = 0;
  bytes.copy(reinterpret_cast<char*>(&n), sizeof n, at);
  return n;
}

/// A record as on disk: length, checksum, bytes.
std::string frame(std::string_view bytes) {
  std::string out;
  put_number(out, bytes.size());
  put_number(out, checksum(bytes));
  return out.append(bytes);
}

enum class framed : std::uint8_t { whole, cut_short, damaged };

framed look_at(std::string_view record) {
  if (record.size() < 16 || record.size() - 16 < number_at(record, 0)) return framed::cut_short;
  const auto bytes = record.substr(16, number_at(record, 0));
  return checksum(bytes) == number_at(record, 8) ? framed::whole : framed::damaged;
}

std::string bytes_of(const batch& b) {
  std::string all;
  if (b.hard) all += codec::encode(*b.hard).bytes();
  if (b.begins_behind) all += codec::encode(*b.begins_behind).bytes();
  for (const auto& e : b.entries) all += codec::encode(e).bytes();
  return all;
}

}  // namespace

void disk::bootstrap(const raft::configuration& members) {
  hard_.term = {1};
  raft::entry e;
  e.term = {1};
  e.index = {1};
  e.kind = raft::entry_kind::configuration;
  e.members = std::make_shared<const raft::configuration>(members);
  entries_ = {e};
}

void disk::put(const batch& b) {
  if (b.hard) hard_ = *b.hard;
  if (b.begins_behind) {
    start_ = *b.begins_behind;
    entries_.clear();
  }
  for (const auto& e : b.entries) {
    if (e.index <= start_.index) continue;
    MUSTER_ENSURE(e.index <= last() + 1, "the log has no hole");
    entries_.resize(e.index.value - start_.index.value - 1);
    entries_.push_back(e);
  }
}

void disk::sync() {
  put(*writing_);
  writing_.reset();
}

void disk::cut_power(write_fate fate, chance& random) {
  if (!writing_) return;
  if (fate == write_fate::whole) put(*writing_);
  if (fate == write_fate::torn) {
    const auto whole = frame(bytes_of(*writing_));
    const auto kept = whole.substr(0, random.below(whole.size()));
    MUSTER_ENSURE(look_at(kept) == framed::cut_short, "a torn record is known by its length");
  }
  writing_.reset();
}

void disk::compact(const raft::snapshot_meta& start) {
  while (!entries_.empty() && entries_.front().index <= start.index) entries_.pop_front();
  start_ = start;
}

void disk::flip(chance& random) {
  const bool hits_entry = !entries_.empty() && !random.one_in(4);
  auto record = frame(hits_entry ? codec::encode(entries_[random.below(entries_.size())]).bytes()
                                 : codec::encode(hard_).bytes());
  const auto at = 16 + random.below(record.size() - 16);
  record[at] = static_cast<char>(record[at] ^ (1 << random.below(8)));
  is_damaged_ = look_at(record) == framed::damaged;
}

result<raft::start_plan> disk::load() {
  if (is_damaged_) return fail(errc::corrupt, "a checksum of the raft store does not hold");
  auto plan = raft::plan_start(hard_, start_, {entries_.begin(), entries_.end()}, state_->meta);
  if (plan.ok()) plan->start.condemned = is_condemned_;
  if (plan.ok() && plan->log_begins_anew) {
    start_ = state_->meta;
    entries_.clear();
  }
  return plan;
}

bool disk::holds(log_index index, raft_term term) const {
  if (index <= state_->meta.index) return true;  // it was committed
  if (index == start_.index) return start_.term == term;
  return index > start_.index && index <= last() &&
         entries_[index.value - start_.index.value - 1].term == term;
}

}  // namespace muster::simulation
