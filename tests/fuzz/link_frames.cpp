#include "actors/link/flat.hpp"
#include "actors/link/session_core.hpp"
#include "schemas/codec/codec.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <caf/binary_deserializer.hpp>

/// Bytes from another member, as CAF hands them over and as the link reads them.
namespace {

using namespace muster;

void read_message(const blob& words) {
  auto m = codec::decode_link_message(words);
  if (!m.ok()) return;
  link::session_window session(m->session);
  (void)session.take(*m, words.size_bytes());
  if (const auto* hello = std::get_if<codec::hello>(&m->body))
    (void)link::check_hello(*hello, *hello, hello->member, hello->started).ok();
  const auto again = codec::encode(*m);
  auto second = codec::decode_link_message(again);
  fuzz::expect(second.ok() && codec::encode(*second) == again);
}

template <class T>
void read_value(result<T> value) {
  if (!value.ok()) return;
  const auto again = codec::encode(*value);
  if constexpr (std::is_same_v<T, codec::probe_report>)
    fuzz::expect(*codec::decode_probe_report(again) == *value);
  else if constexpr (std::is_same_v<T, codec::join_request>)
    fuzz::expect(*codec::decode_join_request(again.bytes()) == *value);
  else
    fuzz::expect(*codec::decode_join_accepted(again.bytes()) == *value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto rest = fuzz::text(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      read_message(blob::copy_of(rest));
      break;
    case 1: {
      link::flat message;
      caf::binary_deserializer from(nullptr, rest.data(), rest.size());
      if (!from(message)) read_message(message.words);
      break;
    }
    case 2:
      read_value(codec::decode_join_request(rest));
      break;
    case 3:
      read_value(codec::decode_join_accepted(rest));
      break;
    default:
      read_value(codec::decode_probe_report(blob::copy_of(rest)));
  }
  return 0;
}
