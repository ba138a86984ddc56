#pragma once
#include "actors/state/transaction.hpp"
#include "schemas/commands.hpp"

namespace muster::state {

/// Applies one command to `tx`, which stands at its entry. The same input gives the same rows,
/// events and outcome on every member: no clock, chance, file, float or locale is used. A refusal
/// changes nothing but the window of request ids. A repeated request id gives the outcome of the
/// first time.
outcome apply(transaction& tx, const command& c);

}  // namespace muster::state
