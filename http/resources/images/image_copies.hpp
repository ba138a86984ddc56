#pragma once
#include "http/routing/api.hpp"

namespace muster::http {

/// Waits until the image's file is on as many members as it should be, as far as they are online;
/// its progress is shown in the operation. Blocks; gives up where nothing moves.
void await_copies(api& a, const std::string& fingerprint, node::operations::handle& h);
/// After a record has gone: waits until every member that is online has dropped its file. Blocks.
void await_dropped(api& a);

}  // namespace muster::http
