#pragma once
#include "actors/state/transaction.hpp"
#include "schemas/commands.hpp"

namespace muster::state {

/// Type of the warning that a member has not got a change yet.
constexpr const char* missing_change = "Cluster member misses a change";

/// Of an image.
constexpr const char* few_copies = "Too few copies of an image";
constexpr const char* member_offline = "Offline cluster member";
/// It shows clients the one before.
constexpr const char* certificate_missed = "Unable to update cluster certificate";
constexpr const char* clock_off = "Time skew detected between leader and local";

/// One row a type, member and object: it is seen once more, and new again if it was settled.
void raise(transaction& tx, const raise_warning& what);
void settle(transaction& tx, std::string_view type, member_id location, const row_key& about);
/// Those of this member on this object; none: of all members, on all objects.
void forget_warnings(transaction& tx, std::optional<member_id> location,
                     std::optional<row_key> about);

}  // namespace muster::state
