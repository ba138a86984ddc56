#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Values of configuration keys as Incus writes them.
namespace muster::units {

/// A whole number in decimal, nothing around it; none if it is no such or above `most`.
std::optional<std::uint64_t> number(std::string_view text, std::uint64_t most = UINT64_MAX);
/// Bytes with a suffix (B, kB … EB, KiB … EiB) or without; none if it is damaged or overflows.
std::optional<std::uint64_t> bytes(std::string_view text);
/// Bytes, or a percentage of `total`: "50%".
std::optional<std::uint64_t> bytes_or_percent(std::string_view text, std::uint64_t total);
/// true, 1, yes, on and false, 0, no, off, in any case; none: something else.
std::optional<bool> flag(std::string_view text);
/// The words of "a,b".
std::vector<std::string> list(std::string_view text);
/// As `flag`; what is empty or damaged is false.
bool is_true(std::string_view text);

}  // namespace muster::units
