#pragma once
#include "actors/state/transaction.hpp"
#include "schemas/commands.hpp"

#include <string>

namespace muster::state {

/// URL path of a row, as Incus shows it; empty for rows without one.
std::string path_of(const state_view& state, const object& row);
/// What the lifecycle calls a row that was made or replaced; empty: it says nothing.
std::string_view verb_of(const object* old, const object& next);
/// Emits `<noun>-<verb>` for a row, with the context of its kind. Rows without a path emit nothing.
void emit_for(transaction& tx, const requestor& who, const object& row, std::string_view verb,
              string_map context = {});

}  // namespace muster::state
