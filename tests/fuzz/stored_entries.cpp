#include "schemas/codec.hpp"
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto rest = fuzz::text(data + 1, size - 1);
  switch (data[0] % 5) {
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
    default:
      if (const auto c = codec::decode_command(blob::copy_of(rest)); c.ok())
        fuzz::expect(*codec::decode_command(codec::encode(*c)) == *c);
  }
  return 0;
}
