#include "tests/simulation/simulation.hpp"

#include "tests/simulation/faults.hpp"
#include "tests/simulation/liveness.hpp"
#include "tests/simulation/workload.hpp"

namespace muster::simulation {

namespace {

constexpr std::uint64_t progress_deadline_ms = 60'000;
constexpr std::uint64_t rest_ms = 3'000;

/// How one run is set up, all of it drawn.
struct plan {
  cluster_settings members;
  bool has_sessions = false;
  std::uint64_t length_ms = 0;
  std::uint64_t call_pause_ms_max = 0;
  std::uint64_t fault_pause_ms_max = 0;
};

plan draw(chance& random, const run_options& with) {
  plan p;
  p.members.lies_about_disks = with.lies_about_disks;
  p.has_sessions = random.one_in(2);
  p.members.members = random.between(1, 5);
  if (p.members.members < 3 && random.one_in(2)) p.members.members = 3;
  if (random.one_in(2)) p.members.log_kept = random.between(5, 40);
  if (random.one_in(3)) p.members.append_bytes_max = random.between(1, 2'000);
  if (random.one_in(3)) p.members.inflight_bytes_max = random.between(1, 4'000);
  if (random.one_in(4)) p.members.uncommitted_bytes_max = random.between(500, 4'000);
  p.members.plans_roles = !random.one_in(8);
  const bool is_long = random.one_in(16);
  p.length_ms = is_long ? 240'000 : random.between(4'000, 16'000);
  p.call_pause_ms_max = is_long ? 4'000 : random.between(20, 400);
  p.fault_pause_ms_max = is_long ? 8'000 : random.between(100, 1'500);
  return p;
}

class simulation {
public:
  simulation(std::uint64_t seed, const run_options& with)
      : seed_(seed),
        random_(seed),
        plan_(draw(random_, with)),
        net_(plan_.has_sessions, random_, met_),
        members_(plan_.members, time_, net_, random_, met_, rules_),
        clients_(members_, time_, random_, met_, rules_),
        faults_(members_, time_, net_, random_, met_, rules_) {
    members_.tell(with.told);
    if (with.only_outcomes) rules_.check_only_outcomes();
    members_.hear.settled = [this](node& n, const command& c, const outcome& done, log_index at) {
      clients_.settled(n, c, done, at);
    };
    members_.hear.read_ready = [this](node& n, std::uint64_t tag, log_index index) {
      clients_.read_ready(n, tag, index);
    };
    members_.hear.read_refused = [this](node& n, std::uint64_t tag) {
      clients_.read_refused(n, tag);
    };
    members_.hear.has_applied = [this](node& n) { clients_.has_applied(n); };
    members_.hear.stopped_serving = [this](node& n) { clients_.went_down(n); };
    members_.hear.went_down = [this](node& n) {
      clients_.went_down(n);
      faults_.went_down(n);
    };
  }

  report run() {
    begin();
    run_until(time_.now_ms() + plan_.length_ms, [] { return false; });
    if (is_well()) expect_progress();
    if (is_well()) expect_agreement();
    if (is_well()) check_history();
    return {seed_,          rules_.violation(), met_, rules_.checks(), clients_.seen().size(),
            time_.now_ms(), members_.trace()};
  }

private:
  [[nodiscard]] bool is_well() const { return rules_.violation().empty(); }

  bool run_until(std::uint64_t end_ms, const std::function<bool()>& is_done) {
    while (is_well() && time_.run_next(end_ms))
      if (is_done()) return true;
    return false;
  }

  void begin() {
    for (auto& n : members_.nodes())
      time_.in(n.m.id().value == 1 ? 0 : random_.below(1'000), [this, &n] { members_.boot(n); });
    run_until(1'500, [] { return false; });
    clients_.start(plan_.call_pause_ms_max);
    faults_.start(plan_.fault_pause_ms_max);
  }

  /// A quorum without faults goes on, whatever the others do. What was on its way when the core was
  /// drawn may change who is needed: then a core is drawn anew.
  void expect_progress() {
    faults_.stop();
    for (int draws = 0; draws < 4; ++draws) {
      const auto core = draw_core(members_, rules_, random_);
      if (core.empty()) return rules_.fail("progress", "no core is left: " + explain(members_, {}));
      heal_core(members_, net_, core, random_, met_);
      if (are_all_condemned(members_, core)) return;
      clients_.ask_only(core);
      const bool moves = run_until(time_.now_ms() + progress_deadline_ms, [this] {
        return clients_.writes_done() > 0 && clients_.reads_done() > 0;
      });
      if (moves || !is_well()) return;
      if (is_core(core, possible_configurations(members_, rules_)))
        return rules_.fail("progress", explain(members_, core));
    }
    rules_.fail("progress", "four cores were drawn: " + explain(members_, {}));
  }

  /// All come to the same state and to their roles, and then nothing moves any more.
  void expect_agreement() {
    members_.plan_roles_from_now();
    heal_all(members_, net_);
    if (!expect_right_states()) return;
    clients_.stop();
    const bool agree = run_until(time_.now_ms() + progress_deadline_ms,
                                 [this] { return has_converged(members_); });
    if (!is_well()) return;
    if (!agree) return rules_.fail("agreement", explain(members_, {}));
    const auto rest = [this] {
      run_until(time_.now_ms() + rest_ms, [] { return false; });
      const auto* leader = members_.leader();
      return leader ? leader->m.core().members() : raft::configuration();
    };
    const auto before = rest();
    const auto after = rest();
    if (is_well() && !before.voters.empty() && !after.voters.empty() && before != after)
      rules_.fail("roles_rest", "they go on changing: " + explain(members_, {}));
  }

  /// What entries do shows which state is wrong; another one takes its place. Where a wrong one has
  /// spread to right members before, it is the state of all, as long as all agree.
  bool expect_right_states() {
    const auto is_done = [this] { return rules_.does_wrong_prevail() || are_all_right(members_); };
    if (is_done() || run_until(time_.now_ms() + progress_deadline_ms, is_done)) return true;
    if (is_well()) rules_.fail("wrong_state_is_replaced", explain(members_, {}));
    return false;
  }

  void check_history() {
    if (rules_.does_wrong_prevail()) return;
    const auto v = checkers::check(clients_.seen());
    if (v.says != checkers::verdict::answer::right) rules_.fail("history", v.why);
  }

  std::uint64_t seed_;
  chance random_;
  plan plan_;
  marks met_;
  schedule time_;
  invariants rules_;
  network net_;
  cluster members_;
  workload clients_;
  faults faults_;
};

}  // namespace

report run(std::uint64_t seed, const run_options& with) { return simulation(seed, with).run(); }

}  // namespace muster::simulation
