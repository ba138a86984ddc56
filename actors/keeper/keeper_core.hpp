#pragma once
#include "schemas/spread.hpp"

#include <map>
#include <set>
#include <vector>

/// What one member has to do about pools and networks. Pure.
namespace muster::keeper {

enum class step : unsigned char {
  remove,       ///< made here, and known to be wanted by nobody any more
  make,         ///< wanted, and not made here as it is wanted now
  report,       ///< made as wanted, and not reported
  report_gone,  ///< the leftover's part is not here
};

struct task {
  step what;
  row_key key;  ///< of the object; report_gone: of the leftover
  bool operator==(const task&) const = default;
};

struct situation {
  member_id self;
  std::vector<object> wanted;               ///< pools and networks, also pending ones
  std::vector<leftover> left;               ///< of all members
  std::map<row_key, std::uint64_t> made;    ///< version of what is here
  std::set<row_key> strange;                ///< made here, for another cluster
  std::set<row_key> long_absent;            ///< neither row nor leftover, for a minute
  std::map<row_key, std::uint64_t> failed;  ///< version that failed; not due for another try
  bool is_first = false;                    ///< since the start: what is made is made sure of
};

/// Removals before what is made, so that names and places are free.
std::vector<task> plan(const situation& now);

}  // namespace muster::keeper
