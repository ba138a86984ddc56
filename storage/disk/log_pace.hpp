#pragma once
#include <chrono>

namespace muster::storage {

/// The log has been synced just now.
void note_log_sync();
/// Whether somebody writes to the log these days, so that whoever writes much beside it waits a
/// moment after each piece.
bool is_log_busy();

}  // namespace muster::storage
