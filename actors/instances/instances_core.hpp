#pragma once
#include "schemas/records.hpp"

#include <map>
#include <vector>

/// The difference between wanted and real instances of one member. Pure.
namespace muster::instances {

/// What the driver has found on this member.
struct found {
  std::uint64_t generation = 0;
  bool is_running = false;
  bool is_frozen = false;
};

enum class step : unsigned char {
  create,          ///< finish a creation that was cut short
  start,           ///< wanted and not running, at the start of this member
  stop,            ///< running and not wanted, at the start of this member
  freeze,          ///< wanted frozen, is running
  abandon,         ///< stop it here: another member owns it, or a newer generation does
  remove,          ///< its record is gone: stop it and remove its files
  report_running,  ///< tell the cluster what is seen
  report_frozen,
  report_stopped,
  report_ended,  ///< it ended by itself: it is not wanted any more either
};

struct task {
  step what;
  object_id id;
  bool operator==(const task&) const = default;
};

struct situation {
  member_id self;
  std::vector<instance> rows;         ///< all instances of the cluster
  std::map<object_id, found> seen;    ///< containers on this member
  std::map<object_id, bool> is_busy;  ///< work on it is under way
  bool is_first = false;              ///< first look after the start of this member
};

/// What to do next; nothing for instances that are busy.
std::vector<task> plan(const situation& now);

}  // namespace muster::instances
