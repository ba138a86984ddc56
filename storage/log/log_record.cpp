#include "storage/log/log_record.hpp"

#define XXH_INLINE_ALL
#include <algorithm>
#include <cstring>
#include <xxhash.h>

namespace muster::storage {

namespace {

constexpr std::size_t sector_bytes = 512;
struct head {
  std::uint32_t payload_bytes = 0;
  std::uint32_t size_checksum = 0;  ///< a size that is wrong must not pass for a write cut short
  std::uint64_t checksum = 0;
};

std::uint64_t seed_of(std::size_t payload_bytes, std::uint64_t file_number, std::size_t offset) {
  const std::uint64_t place[] = {file_number, offset, payload_bytes};
  return XXH3_64bits(place, sizeof place);
}

head head_of(std::string_view payload, std::uint64_t file_number, std::size_t offset) {
  const auto seed = seed_of(payload.size(), file_number, offset);
  return {static_cast<std::uint32_t>(payload.size()), static_cast<std::uint32_t>(seed),
          XXH3_64bits_withSeed(payload.data(), payload.size(), seed)};
}

/// None: no head, or one that says more than there is.
std::optional<head> head_at(std::string_view file, std::uint64_t file_number, std::size_t offset) {
  head h;
  if (offset + sizeof h > file.size()) return std::nullopt;
  std::memcpy(&h, file.data() + offset, sizeof h);
  if (h.size_checksum == 0 && h.payload_bytes == 0) return std::nullopt;
  if (h.payload_bytes > file.size() - offset - sizeof h) return std::nullopt;
  if (h.size_checksum != static_cast<std::uint32_t>(seed_of(h.payload_bytes, file_number, offset)))
    return std::nullopt;
  return h;
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

void begin_record(std::string& into) { into.assign(sizeof(head), '\0'); }

void end_record(std::string& record, std::uint64_t file_number, std::size_t offset) {
  record.resize((record.size() + record_alignment - 1) / record_alignment * record_alignment);
  const auto payload = std::string_view(record).substr(sizeof(head));
  const auto h = head_of(payload, file_number, offset);
  std::memcpy(record.data(), &h, sizeof h);
}

std::optional<found_record> record_at(std::string_view file, std::uint64_t file_number,
                                      std::size_t offset) {
  const auto h = head_at(file, file_number, offset);
  if (!h) return std::nullopt;
  const auto payload = file.substr(offset + sizeof *h, h->payload_bytes);
  if (head_of(payload, file_number, offset).checksum != h->checksum) return std::nullopt;
  return found_record{payload, sizeof *h + payload.size()};
}

log_end judge_end(std::string_view file, std::uint64_t file_number, std::size_t offset) {
  const auto last = file.find_last_not_of('\0');
  if (last == std::string_view::npos || last < offset) return log_end::clean;
  for (auto at = offset + record_alignment; at < last; at += record_alignment)
    if (record_at(file, file_number, at)) return log_end::damaged;
  const auto h = head_at(file, file_number, offset);
  const auto end = h ? offset + sizeof *h + h->payload_bytes : last + 1;
  for (auto at = offset; at < end;) {
    const auto next = std::min(end, (at / sector_bytes + 1) * sector_bytes);
    if (is_zero(file.substr(at, next - at))) return log_end::torn;
    at = next;
  }
  return log_end::damaged;
}

}  // namespace muster::storage
