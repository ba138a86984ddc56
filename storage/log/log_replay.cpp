#include "storage/log/log_replay.hpp"

#include "schemas/codec/codec.hpp"
#include "storage/log/log_record.hpp"

#include <algorithm>
#include <cstring>

namespace muster::storage {

namespace {

struct item_head {
  std::uint32_t kind;
  std::uint32_t size_bytes;
};

std::size_t padded(std::size_t n) {
  return (n + record_alignment - 1) / record_alignment * record_alignment;
}

}  // namespace

void add_item(std::string& record, log_item kind, std::string_view bytes) {
  const item_head h{static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(bytes.size())};
  record.append(reinterpret_cast<const char*>(&h), sizeof h);
  record.append(bytes);
  record.resize(padded(record.size()));
}

status log_replay::take(std::string_view payload) {
  while (!payload.empty()) {
    item_head h{};
    if (payload.size() < sizeof h) return fail(errc::corrupt, "an item is cut short");
    std::memcpy(&h, payload.data(), sizeof h);
    payload.remove_prefix(sizeof h);
    if (payload.size() < padded(h.size_bytes)) return fail(errc::corrupt, "an item is cut short");
    if (auto taken = take_one(static_cast<log_item>(h.kind), payload.substr(0, h.size_bytes));
        !taken)
      return taken;
    payload.remove_prefix(padded(h.size_bytes));
  }
  return ok();
}

status log_replay::take_one(log_item kind, std::string_view bytes) {
  switch (kind) {
    case log_item::hard_state: {
      auto hard = codec::decode_hard_state(bytes);
      if (!hard) return hard.error();
      all_.hard = *hard;
      return ok();
    }
    case log_item::begins_behind:
      all_.entries.clear();
      [[fallthrough]];
    case log_item::compacted: {
      auto start = codec::decode_snapshot_meta(bytes);
      if (!start) return start.error();
      all_.start = *std::move(start);
      return ok();
    }
    case log_item::entry:
      return take_entry(bytes);
  }
  return fail(errc::corrupt, "an item of an unknown kind");
}

/// It replaces what is at its index and behind. A gap may come between files, where others were
/// dropped; finish() sees whether the log began behind it by then.
status log_replay::take_entry(std::string_view bytes) {
  auto e = codec::decode_entry(bytes);
  if (!e) return e.error();
  auto& kept = all_.entries;
  if (kept.empty() || e->index < kept.front().index || e->index > kept.back().index + 1)
    kept.clear();
  else
    kept.resize(e->index.value - kept.front().index.value);
  highest_ = std::max(highest_, e->index);
  kept.push_back(*std::move(e));
  return ok();
}

result<log_replay::contents> log_replay::finish() {
  auto& kept = all_.entries;
  const auto begins = all_.start.index + 1;
  if (!kept.empty() && kept.front().index > begins)
    return fail(errc::corrupt, "entry " + std::to_string(begins.value) + " is missing");
  const auto live = std::find_if(kept.begin(), kept.end(),
                                 [&](const raft::entry& e) { return e.index >= begins; });
  kept.erase(kept.begin(), live);
  return std::move(all_);
}

}  // namespace muster::storage
