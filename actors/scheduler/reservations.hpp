#pragma once
#include "schemas/records.hpp"

#include <chrono>
#include <map>
#include <string>

namespace muster::scheduler {

/// Choices whose records are still to come: they count as instances, so that a burst spreads. Pure.
class reservations {
public:
  using clock = std::chrono::steady_clock;
  /// Then the creation has been given up, or failed.
  static constexpr auto kept_for = std::chrono::seconds(20);
  static constexpr std::size_t count_max = 10'000;  ///< of more nobody takes note

  void add(project_id where, const std::string& name, member_id on, clock::time_point now);
  /// Its record has come.
  void settle(project_id where, const std::string& name) { all_.erase({where, name}); }
  /// What is old goes.
  void drop_old(clock::time_point now);
  [[nodiscard]] std::map<member_id, std::uint64_t> counts() const;

private:
  struct choice {
    member_id on;
    clock::time_point since;
  };
  std::map<std::pair<project_id, std::string>, choice> all_;
};

}  // namespace muster::scheduler
