#pragma once
#include <compare>
#include <cstdint>
#include <functional>

namespace muster {

/// Gives an integer its own type, so a term never converts to an index.
/// @tparam Rep stored integer; @tparam Tag unique per meaning.
template <class Rep, class Tag>
struct strong {
  Rep value = 0;
  constexpr auto operator<=>(const strong&) const = default;
  /// Zero means "none" for every id of this project.
  constexpr explicit operator bool() const noexcept { return value != 0; }
};

using member_id = strong<std::uint64_t, struct member_id_tag>;  ///< never used again after removal
using incarnation =
    strong<std::uint64_t, struct incarnation_tag>;  ///< raised at each start of a member
using raft_term = strong<std::uint64_t, struct raft_term_tag>;
using log_index = strong<std::uint64_t, struct log_index_tag>;
using object_id = strong<std::uint64_t, struct object_id_tag>;    ///< from a counter in the state
using project_id = strong<std::uint64_t, struct project_id_tag>;  ///< object id of a project

constexpr log_index operator+(log_index i, std::uint64_t n) { return {i.value + n}; }
constexpr log_index operator-(log_index i, std::uint64_t n) { return {i.value - n}; }

}  // namespace muster

template <class Rep, class Tag>
struct std::hash<muster::strong<Rep, Tag>> {
  std::size_t operator()(const muster::strong<Rep, Tag>& x) const noexcept {
    return std::hash<Rep>{}(x.value);
  }
};
