#include "actors/scheduler/reservations.hpp"

namespace muster::scheduler {

void reservations::add(project_id where, const std::string& name, member_id on,
                       clock::time_point now) {
  if (all_.size() < count_max) all_[{where, name}] = {on, now};
}

void reservations::drop_old(clock::time_point now) {
  std::erase_if(all_, [&](const auto& one) { return now - one.second.since > kept_for; });
}

std::map<member_id, std::uint64_t> reservations::counts() const {
  std::map<member_id, std::uint64_t> all;
  for (const auto& [what, made] : all_) ++all[made.on];
  return all;
}

}  // namespace muster::scheduler
