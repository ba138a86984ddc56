#pragma once
#include "schemas/state_view.hpp"

#include <array>

/// What projects may have: counted and checked over the merged configuration of every instance, in
/// apply, for each way in. Pure.
namespace muster::state {

/// Limits of projects that are sums over their instances.
inline constexpr std::array summed_limits{"limits.cpu", "limits.disk", "limits.memory",
                                          "limits.processes"};

/// What the instances of a project have of such a limit. @errors errc::bad_request names the
/// instance that has none, or one that cannot be summed.
result<std::uint64_t> used_of(const state_view& s, const project& p, const std::string& limit);

/// Whether every project that the row means something to stays within its limits and restrictions
/// once the row, of an instance, a profile or a project, is as it is here.
/// @param old null: it is new. @errors errc::bad_request
status check_restrictions(const state_view& s, const object* old, const object& next);

}  // namespace muster::state
