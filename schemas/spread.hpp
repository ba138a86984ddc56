#pragma once
#include "schemas/state_view.hpp"

/// Pools and networks alike: both are spread over the members.
namespace muster {

/// Null for rows of other tables.
spread* spread_of(object& row);
const spread* spread_of(const object& row);
/// Driver of a pool, type of a network.
std::string_view kind_of(const object& row);
string_map& config_of(object& row);
const string_map& config_of(const object& row);

/// Whether a key's value means one member alone.
bool is_member_key(table where, std::string_view key);

/// Whether the member has something to do about this row that it has not reported.
bool is_due(const spread& s, member_id id);
/// Whether a member still owes work: some pool or network wants something of it, or it has a part
/// of a deleted one. Who owes nothing has all that was changed while it was away.
bool owes(const state_view& state, member_id id);

/// Rows of both tables, pools first.
void each_spread(const state_view& state, const state_view::visitor& see);

}  // namespace muster
