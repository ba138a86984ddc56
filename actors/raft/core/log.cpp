#include "actors/raft/core/log.hpp"

#include "schemas/basic/result.hpp"

#include <algorithm>

namespace muster::raft {

log::log(snapshot_meta start, std::vector<entry> entries)
    : start_(std::move(start)),
      entries_(std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end())) {
  for (std::size_t i = 0; i < entries_.size(); ++i)
    MUSTER_ENSURE(entries_[i].index == start_.index + (i + 1), "the log has a gap");
}

raft_term log::last_term() const { return entries_.empty() ? start_.term : entries_.back().term; }

std::uint64_t log::last_stamp_ms() const {
  return entries_.empty() ? start_.stamp_ms : entries_.back().stamp_ms;
}

std::optional<raft_term> log::term_at(log_index i) const {
  if (i == start_.index) return start_.term;
  if (i < start_.index || i > last()) return std::nullopt;
  return at(i).term;
}

const entry& log::at(log_index i) const {
  MUSTER_ENSURE(i > start_.index && i <= last(), "an entry outside the log was asked for");
  return entries_[i.value - start_.index.value - 1];
}

std::vector<entry> log::slice(log_index from, std::size_t bytes_max) const {
  std::vector<entry> part;
  std::size_t bytes = 0;
  for (auto i = from; i <= last(); i = i + 1) {
    const auto& e = at(i);
    if (!part.empty() && bytes + e.size_bytes() > bytes_max) break;
    bytes += e.size_bytes();
    part.push_back(e);
  }
  return part;
}

log_index log::last_agreeing(log_index from, raft_term term) const {
  auto i = std::min(from, last());
  while (i > start_.index && at(i).term > term) i = i - 1;
  return i;
}

bool log::is_up_to_date(log_index other_last, raft_term other_term) const {
  return other_term > last_term() || (other_term == last_term() && other_last >= last());
}

std::pair<configuration, log_index> log::members() const {
  for (auto e = entries_.rbegin(); e != entries_.rend(); ++e)
    if (e->kind == entry_kind::configuration) return {*e->members, e->index};
  return {start_.members, start_.index};
}

configuration log::members_before(log_index i) const {
  for (auto e = entries_.rbegin(); e != entries_.rend(); ++e)
    if (e->kind == entry_kind::configuration && e->index < i) return *e->members;
  return start_.members;
}

void log::append(entry e) {
  MUSTER_ENSURE(e.index == last() + 1, "an entry is appended behind the last one");
  entries_.push_back(std::move(e));
}

void log::truncate(log_index from) {
  while (!entries_.empty() && entries_.back().index >= from) entries_.pop_back();
}

void log::compact(const snapshot_meta& start) {
  if (start.index <= start_.index) return;
  MUSTER_ENSURE(start.index <= last(), "the log is cut inside itself");
  while (!entries_.empty() && entries_.front().index <= start.index) entries_.pop_front();
  start_ = start;
}

void log::reset(const snapshot_meta& start) {
  entries_.clear();
  start_ = start;
}

}  // namespace muster::raft
