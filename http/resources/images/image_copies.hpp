#pragma once
#include "http/routing/api.hpp"

namespace muster::http {

/// Waits until the image's file is on as many members as it should be, as far as they are online.
/// Blocks; gives up where nothing moves. @param show what there is to say meanwhile, and at the end
/// if it is not so
void await_copies(api& a, const std::string& fingerprint,
                  const std::function<void(const string_map&)>& show);
/// After a record has gone: waits until every member that is online has dropped its file. Blocks.
void await_dropped(api& a);

}  // namespace muster::http
