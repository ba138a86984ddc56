#pragma once
#include "actors/state/transaction.hpp"

namespace muster::state {

bool is_only_at(const image& i, member_id where);
/// Whether a member can be removed without force. @errors errc::refused with Incus's text.
status check_holds_nothing(const state_view& state, member_id who);

/// The server is told when it comes back. @param by who did it, as it will be shown.
void remember_removed(transaction& tx, const std::string& by, const member& gone, bool force);

}  // namespace muster::state
