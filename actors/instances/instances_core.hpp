#pragma once
#include "schemas/records.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

/// The difference between wanted and real instances of one member. Pure.
namespace muster::instances {

/// What the driver has found on this member.
struct found {
  std::string cluster;   ///< of its identity; empty: an older version has made it
  std::string instance;  ///< uuid; empty as well then
  std::uint64_t generation = 0;
  bool is_running = false;
  bool is_frozen = false;
  bool has_remains = false;  ///< it has ended, and nobody has tidied up behind it
};

enum class step : unsigned char {
  create,          ///< finish a creation that was cut short
  start,           ///< wanted and not running
  stop,            ///< running and not wanted
  freeze,          ///< wanted frozen, is running
  tidy,            ///< it has ended: mounts and cgroups go
  abandon,         ///< stop it here: another member owns it, or a newer generation does
  remove,          ///< no record for a minute: stop it; its files go to the trash
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

/// What this process remembers of one instance. Only what has been seen running can have ended.
struct memory {
  bool was_running = false;         ///< seen since the last order
  unsigned failures = 0;            ///< orders of the actor's own that failed, one after the other
  std::uint64_t not_before_ms = 0;  ///< the next one
  std::uint64_t absent_since_ms = 0;  ///< its record is missing; 0: it is there
};

struct situation {
  member_id self;
  std::string cluster;                ///< uuid
  std::uint64_t now_ms = 0;           ///< of a clock that only goes forward, never 0
  std::vector<instance> rows;         ///< all instances of the cluster
  std::map<object_id, found> seen;    ///< containers on this member
  std::map<object_id, bool> is_busy;  ///< work on it is under way
  std::map<object_id, memory> known;
};

/// What to do next; nothing for instances that are busy, nor for containers of another cluster.
std::vector<task> plan(const situation& now);
/// Adds what this look shows, before it is planned; forgets who is neither wanted nor there.
void remember(std::map<object_id, memory>& known, const situation& now);
/// When an order of the actor's own that has failed is due again.
std::uint64_t wait_after_ms(unsigned failures);

}  // namespace muster::instances
