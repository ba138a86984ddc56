#pragma once
#include "schemas/basic/result.hpp"

#include <cstdint>
#include <string>

namespace muster::storage {

/// Bytes of a disk that only the log and the state may use: a twentieth of it, at most 10 GiB, and
/// 1 GiB where the disk has ten times that.
std::uint64_t reserve_of(std::uint64_t total_bytes);
/// Whether `bytes` more, beside the reserve, fit on the disk that holds `path`.
/// @errors errc::unavailable with how much is left.
status check_room(const std::string& path, std::uint64_t bytes);

}  // namespace muster::storage
