#pragma once
#include "actors/link/tls/https_client.hpp"
#include "actors/snapshots/fetch.hpp"

#include <memory>
#include <stop_token>

namespace muster::snapshots {

/// Asks over one connection, which is dialled anew after it broke. `stop` ends a call that waits.
source https_source(std::function<result<std::shared_ptr<tls::stream>>()> dial,
                    std::stop_token stop);

}  // namespace muster::snapshots
