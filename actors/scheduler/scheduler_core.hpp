#pragma once
#include "schemas/basic/strong.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Which member an instance goes to, and why. Pure: values in, values out.
namespace muster::scheduler {

struct candidate {
  member_id id;
  std::string name;
  std::string architecture;
  std::uint64_t instances = 0;  ///< that it owns now
  bool is_online = false;
  bool is_evacuated = false;
  std::string takes = "all";  ///< its `scheduler.instance`: all, manual, or group (only by group)
  std::vector<std::string> groups;
};

struct wish {
  std::string architecture;                   ///< empty: any
  std::string group;                          ///< empty: any
  std::vector<std::string> allowed_groups{};  ///< empty: all
};

/// Every candidate with the rule that rejected it, so that the answer can be explained.
struct verdict {
  member_id id;
  std::string name;
  std::string rejected_by;  ///< empty: it could have been chosen
  std::uint64_t instances = 0;
};

struct placement {
  member_id chosen;  ///< none if every candidate was rejected
  std::vector<verdict> verdicts;
};

/// Fewest instances first; among equals the lowest id.
placement place(const std::vector<candidate>& candidates, const wish& what);

}  // namespace muster::scheduler
