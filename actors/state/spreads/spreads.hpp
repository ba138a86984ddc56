#pragma once
#include "actors/state/transaction.hpp"
#include "schemas/commands.hpp"

/// What apply does to pools and networks besides what it does to any object.
namespace muster::state {

/// A row that was made or replaced. `old` null: it is new. What members have reported stays; every
/// member gets a part and, unless the row is pending, has something to do.
void settle_spread(const state_view& state, const object* old, object& next);
/// A row goes: members owe the removal of their part. Who has not reported yet may have it too, but
/// is not asked about more than `limits::leftovers_max`.
void leave_over(transaction& tx, const object& row);
/// A member is new: it owes its parts. `config` gives the keys that mean it alone.
/// @errors errc::refused with what is missing or fits nothing.
status spread_to(transaction& tx, member_id fresh, const std::vector<member_key>& config);
/// What `spread_to` would refuse.
status check_member_keys(const state_view& state, const std::vector<member_key>& config);
/// A member is gone: so are its parts, what it owes, and its warnings.
void forget_parts(transaction& tx, member_id gone);

}  // namespace muster::state
