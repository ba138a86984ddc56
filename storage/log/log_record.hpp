#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What one synced write to a log file is: a head, and a payload padded to 8 bytes. A file is made
/// full of zeros, so that a write changes nothing but its own bytes: no size, no block map. Pure.
namespace muster::storage {

constexpr std::size_t record_alignment = 8;

/// A head alone: the payload is appended to it.
void begin_record(std::string& into);
/// Pads it and fills in the head. The checksum also covers the place, so that a record is valid
/// only where it was written.
void end_record(std::string& record, std::uint64_t file_number, std::size_t offset);

struct found_record {
  std::string_view payload;  ///< with its padding
  std::size_t size_bytes;    ///< of all
};
/// None: there is no whole record at this offset of the file.
std::optional<found_record> record_at(std::string_view file, std::uint64_t file_number,
                                      std::size_t offset);

enum class log_end { clean, torn, damaged };
/// What lies behind the last whole record. Torn: one write that never finished, so that a sector of
/// it is still zero and no record comes behind it. Anything else was written once and is not what
/// it was.
log_end judge_end(std::string_view file, std::uint64_t file_number, std::size_t offset);

}  // namespace muster::storage
