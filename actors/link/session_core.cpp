#include "actors/link/session_core.hpp"

#include <algorithm>

namespace muster::link {

bool is_other_epoch(const codec::hello& own, const codec::hello& theirs) {
  return theirs.cluster_uuid == own.cluster_uuid &&
         (theirs.epoch_counter != own.epoch_counter || theirs.epoch_random != own.epoch_random);
}

status check_hello(const codec::hello& own, const codec::hello& theirs, member_id authenticated,
                   incarnation seen) {
  if (theirs.member != authenticated)
    return fail(errc::forbidden, "the hello names member " + std::to_string(theirs.member.value) +
                                     ", the certificate is that of member " +
                                     std::to_string(authenticated.value));
  if (theirs.member == own.member) return fail(errc::forbidden, "a member does not link to itself");
  if (theirs.cluster_uuid != own.cluster_uuid)
    return fail(errc::forbidden, "the member belongs to another cluster");
  if (is_other_epoch(own, theirs))
    return fail(errc::forbidden, "the member is of another epoch: the cluster was recovered");
  if (theirs.protocol_lowest > own.protocol_highest ||
      theirs.protocol_highest < own.protocol_lowest)
    return fail(errc::forbidden, "the versions of both members have no protocol in common");
  if (theirs.started < seen)
    return fail(errc::forbidden,
                "the member has gone back in time: its disk was replaced by an older copy");
  return ok();
}

bool session_window::admit(std::size_t bytes) {
  if (unacknowledged_ + bytes > limits::link_window_bytes && unacknowledged_ != 0) return false;
  in_flight_.emplace_back(++sent_, bytes);
  unacknowledged_ += bytes;
  return true;
}

bool session_window::take(const codec::link_message& m, std::size_t bytes) {
  if (m.session != number_ || m.sequence != received_ + 1) return false;
  received_ = m.sequence;
  unacknowledged_received_ += bytes;
  while (!in_flight_.empty() && in_flight_.front().first <= m.acknowledged) {
    unacknowledged_ -= in_flight_.front().second;
    in_flight_.pop_front();
  }
  return true;
}

bool session_window::owes_acknowledgement() const {
  return unacknowledged_received_ >= limits::link_window_bytes / 4;
}

}  // namespace muster::link
