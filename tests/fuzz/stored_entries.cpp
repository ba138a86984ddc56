#include "schemas/codec/codec.hpp"
#include "storage/log/log_record.hpp"
#include "storage/log/log_replay.hpp"
#include "tests/fuzz/fuzz.hpp"

/// What a member reads back from its disk: what was not written by it must be refused, not
/// believed.
namespace {

using namespace muster;

void read_entry(std::string_view bytes) {
  const auto e = codec::decode_entry(bytes);
  if (!e.ok()) return;
  fuzz::expect(*codec::decode_entry(codec::encode(*e).bytes()) == *e);
  const auto c = codec::decode_command(e->payload);
  if (c.ok()) fuzz::expect(*codec::decode_command(codec::encode(*c)) == *c);
}

/// A file of a log: whatever lies in it, it is read to some place, and what comes behind is judged.
void read_log(std::string_view file) {
  storage::log_replay replay;
  std::size_t end = 0;
  while (const auto r = storage::record_at(file, 1, end)) {
    if (!replay.take(r->payload)) return;
    end += r->size_bytes;
  }
  fuzz::expect(end <= file.size());
  (void)storage::judge_end(file, 1, end);
  if (const auto all = replay.finish(); all.ok() && !all->entries.empty())
    fuzz::expect(all->entries.front().index == all->start.index + 1 &&
                 all->entries.back().index.value == all->start.index.value + all->entries.size());
}

/// The checksums keep a fuzzer out: it gets behind them.
void replay_payload(std::string_view payload) {
  std::string record;
  storage::begin_record(record);
  record += payload;
  storage::end_record(record, 1, 0);
  read_log(record);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto rest = fuzz::text(data + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      read_entry(rest);
      break;
    case 1:
      if (const auto h = codec::decode_hard_state(rest); h.ok())
        fuzz::expect(*codec::decode_hard_state(codec::encode(*h).bytes()) == *h);
      break;
    case 2:
      if (const auto m = codec::decode_snapshot_meta(rest); m.ok())
        fuzz::expect(*codec::decode_snapshot_meta(codec::encode(*m).bytes()) == *m);
      break;
    case 3:
      if (const auto row = codec::decode_row(rest); row.ok())
        fuzz::expect(*codec::decode_row(codec::encode(*row).bytes()) == *row);
      break;
    case 5:
      read_log(rest);
      break;
    case 6:
      replay_payload(rest);
      break;
    default:
      if (const auto c = codec::decode_command(blob::copy_of(rest)); c.ok())
        fuzz::expect(*codec::decode_command(codec::encode(*c)) == *c);
  }
  return 0;
}
