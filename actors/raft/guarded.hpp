#pragma once
#include "actors/raft/log_writer.hpp"

#include <caf/scheduled_actor.hpp>

#include <exception>

namespace muster::raft {

/// An exception ends an actor and nothing else: a member without its log writer would go on
/// leading. So it stops the member.
template <class Self>
void stop_on_exception(Self* self, const char* who, stop_member stop) {
  self->set_exception_handler([who, stop = std::move(stop)](
                                  caf::scheduled_actor*, std::exception_ptr& thrown) -> caf::error {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      stop(fail(errc::corrupt, std::string(who) + ": " + e.what()));
    } catch (...) {
      stop(fail(errc::corrupt, std::string(who) + ": an exception of an unknown kind"));
    }
    return caf::exit_reason::unhandled_exception;
  });
}

}  // namespace muster::raft
