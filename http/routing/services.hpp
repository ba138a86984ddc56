#pragma once
#include "actors/images/fetcher.hpp"
#include "actors/instances/instances_actor.hpp"
#include "actors/link/probe.hpp"
#include "actors/node/node.hpp"
#include "actors/scheduler/scheduler_actor.hpp"
#include "http/resources/operations/event_streams.hpp"
#include "http/resources/server/listeners.hpp"
#include "http/routing/row_bell.hpp"

namespace muster::http {

/// What the API asks. All outlive it.
struct services {
  node::node& server;
  event_streams& events;
  row_bell& rows;  ///< rings when pools, networks or what is left of them change
  listeners& addresses;
  /// Ends the server; instances are stopped first.
  std::function<void()> shut_down;
  link::probe_host& probe;
  instances::instances_handle instances;
  scheduler::scheduler_handle scheduler;
  images::fetcher& images;
  /// Calls once all image files that were to be dropped before are.
  std::function<void(std::function<void()>)> when_files_dropped;
  std::shared_ptr<instances::lxc_driver> driver;
  std::function<bool()> is_ready;  ///< all is done that a start has to do
};

}  // namespace muster::http
