#pragma once
#include "tests/simulation/members/member.hpp"

#include <deque>
#include <set>
#include <sstream>

namespace muster::simulation {

/// A cluster that is led by hand, one line at a time: real cores and apply, no time and no chance.
/// The lines and what they answer are in scenarios/README.md. The rules are checked after every
/// step.
class scenario {
public:
  /// Does one line; gives its output, a line each.
  std::string run(const std::string& line);
  /// What went wrong: a broken rule, an expectation that does not hold, a line that makes no sense.
  [[nodiscard]] const std::string& failure_text() const { return failure_; }

private:
  struct arguments {
    std::vector<std::string> words;
    std::map<std::string, std::string> named;
    [[nodiscard]] std::string get(const std::string& name) const;
    [[nodiscard]] member_id id(std::size_t at) const;
  };
  struct proposal {
    log_index index;
    raft_term term;
    std::string value;
  };
  using verb = void (scenario::*)(const arguments&);
  static const std::map<std::string, verb>& verbs();

  // Verbs (scenario_verbs.cpp).
  void do_members(const arguments& a);
  void do_tick(const arguments& a);
  void do_campaign(const arguments& a);
  void do_elect(const arguments& a);
  void do_deliver(const arguments& a);
  void do_drop(const arguments& a);
  void do_partition(const arguments& a);
  void do_cut(const arguments& a);
  void do_heal(const arguments& a);
  void do_hold(const arguments& a);
  void do_sync(const arguments& a);
  void do_crash(const arguments& a);
  void do_restart(const arguments& a);
  void do_wipe(const arguments& a);
  void do_propose(const arguments& a);
  void do_read(const arguments& a);
  void do_change(const arguments& a);
  void do_transfer(const arguments& a);
  void do_compact(const arguments& a);
  void do_fetch(const arguments& a);
  void do_link_down(const arguments& a);
  void do_link_up(const arguments& a);
  void do_corrupt(const arguments& a);
  void do_settle(const arguments& a);
  void do_status(const arguments& a);
  void do_log(const arguments& a);
  void do_expect(const arguments& a);

  void start(member& m);
  void step(member& m, const raft::input& in);
  void drive(member& m);
  void apply(member& m, const std::vector<raft::entry>& committed);
  void answer(member& m);
  void send(const raft::message& m);
  void deliver_votes(const std::vector<member_id>& side);
  void deliver(const raft::message& m);
  [[nodiscard]] bool fits(const raft::message& m, const arguments& a) const;
  void show(member& m);
  void fail(const std::string& what);
  member* at(const arguments& a, std::size_t word = 0);
  member* find(member_id id);

  invariants rules_;
  marks met_;
  std::map<member_id, std::unique_ptr<member>> members_;
  std::deque<raft::message> flying_;
  std::set<std::pair<member_id, member_id>> cut_;
  std::set<member_id> held_;
  std::map<member_id, std::string> shown_;
  std::map<member_id, std::vector<proposal>> proposed_;
  std::map<std::pair<member_id, std::uint64_t>, log_index> reads_;
  std::map<std::pair<member_id, std::uint64_t>, log_index> reads_ready_;
  std::uint64_t next_tag_ = 1;
  std::uint64_t starts_ = 0;
  std::size_t append_bytes_max_ = 1u << 20;
  bool is_broken_as_expected_ = false;
  bool is_quiet_ = false;
  std::ostringstream out_;
  std::string failure_;
};

}  // namespace muster::simulation
