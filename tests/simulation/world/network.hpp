#pragma once
#include "schemas/basic/strong.hpp"
#include "tests/simulation/world/chance.hpp"
#include "tests/simulation/world/marks.hpp"

#include <map>
#include <set>
#include <vector>

namespace muster::simulation {

/// How badly messages fare now.
struct weather {
  std::uint64_t lost_per_mille = 0;
  std::uint64_t twice_per_mille = 0;
  std::uint64_t overtaken_per_mille = 0;
  std::uint64_t late_per_mille = 0;  ///< by a minute or more
  std::uint64_t delay_ms_max = 10;
};

/// Decides when a message arrives, how often, and whether. Two kinds: with sessions (the real link:
/// in order, at most once, nothing outlives a session), or datagrams, which know no such mercy.
class network {
public:
  network(bool has_sessions, chance& random, marks& met)
      : has_sessions_(has_sessions), random_(random), met_(met) {}

  void set(const weather& now) { weather_ = now; }
  void cut(member_id from, member_id to) { cut_.insert({from, to}); }
  void mend(member_id from, member_id to) { cut_.erase({from, to}); }
  void mend_all() { cut_.clear(); }
  [[nodiscard]] bool is_open(member_id from, member_id to) const {
    return !cut_.contains({from, to});
  }
  [[nodiscard]] bool is_linked(member_id a, member_id b) const {
    return is_open(a, b) && is_open(b, a);
  }
  /// Times at which what is sent now arrives; none: it is lost.
  std::vector<std::uint64_t> arrivals_ms(member_id from, member_id to, std::uint64_t now_ms);

  [[nodiscard]] bool has_sessions() const { return has_sessions_; }
  [[nodiscard]] std::uint64_t session(member_id a, member_id b) const;
  void end_session(member_id a, member_id b);

private:
  bool has_sessions_;
  chance& random_;
  marks& met_;
  weather weather_;
  std::set<std::pair<member_id, member_id>> cut_;
  std::map<std::pair<member_id, member_id>, std::uint64_t> sessions_;
  std::map<std::pair<member_id, member_id>, std::uint64_t> last_arrival_ms_;
};

}  // namespace muster::simulation
