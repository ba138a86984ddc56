#include "tests/simulation/faults.hpp"

#include <array>

namespace muster::simulation {

faults::faults(cluster& members, schedule& time, network& net, chance& random, marks& met,
               invariants& rules)
    : members_(members), time_(time), net_(net), random_(random), met_(met), rules_(rules) {}

void faults::start(std::uint64_t pause_ms_max) {
  constexpr std::array kinds{&faults::change_weather,     &faults::part,
                             &faults::part_one_way,       &faults::cut_off_leader,
                             &faults::crash_one,          &faults::crash_leader,
                             &faults::crash_all,          &faults::pause_one,
                             &faults::slow_disk,          &faults::fill_disk,
                             &faults::flip_a_bit,         &faults::change_a_row,
                             &faults::skew_clock,         &faults::jump_clock,
                             &faults::join_one,           &faults::leave_one,
                             &faults::ask_random_members, &faults::transfer};
  for (const auto kind : kinds)
    if (random_.one_in(2)) drawn_.push_back(kind);
  for (int i = 0; i < 3; ++i) drawn_.push_back(&faults::crash_at_a_stage);
  for (std::size_t i = drawn_.size() / 3 + 1; i > 0; --i) {
    drawn_.push_back(&faults::mend);
    drawn_.push_back(&faults::boot_one);
  }
  pause_ms_max_ = pause_ms_max;
  is_running_ = true;
  strike();
}

void faults::strike() {
  if (!is_running_) return;
  (this->*drawn_[random_.below(drawn_.size())])();
  time_.in(1 + random_.below(pause_ms_max_), [this] { strike(); });
}

node& faults::any() { return members_.nodes()[random_.below(members_.nodes().size())]; }

node* faults::any_up() {
  for (int tries = 0; tries < 4; ++tries)
    if (auto& n = any(); n.m.is_up()) return &n;
  return nullptr;
}

void faults::went_down(node& n) {
  if (!is_running_ || random_.one_in(4)) return;
  time_.in(random_.one_in(2) ? random_.below(200) : random_.below(4'000), [this, &n] {
    if (is_running_) members_.boot(n);
  });
}

void faults::crash_one() {
  if (auto* n = any_up()) members_.crash(*n);
}

void faults::crash_leader() {
  if (auto* n = members_.leader()) members_.crash(*n);
}

void faults::crash_at_a_stage() {
  auto* n = random_.one_in(2) ? members_.leader() : any_up();
  if (!n) return;
  n->fails_at =
      static_cast<stage>(random_.between(1, static_cast<std::uint64_t>(stage::count_) - 1));
}

void faults::crash_all() {
  if (random_.one_in(2)) members_.cut_power_in_next_write();
}

void faults::boot_one() {
  if (auto& n = any(); n.m.started().value != 0) members_.boot(n);
}

void faults::pause_one() {
  auto* n = random_.one_in(2) ? members_.leader() : any_up();
  if (n) members_.pause(*n, time_.now_ms() + random_.between(100, 3'000));
}

void faults::slow_disk() {
  if (auto* n = any_up()) n->slow_until_ms = time_.now_ms() + random_.between(500, 5'000);
}

void faults::fill_disk() {
  if (auto* n = any_up()) n->disk_is_full = true;
}

/// The member is lost for good; another takes its place.
void faults::flip_a_bit() {
  auto& n = any();
  if (n.m.started().value == 0 || n.m.is_damaged() || members_.nodes().size() >= 9 ||
      !can_lose(n.m.id()))
    return;
  members_.crash(n);
  n.m.kept().flip(random_);
  met_.hit(mark::byte_flipped);
  members_.boot(n);
  if (n.m.is_up()) return rules_.fail("a_flipped_bit_is_found", "a member started over one");
  if (!members_.wanted().contains(n.m.id())) return;
  members_.leave(n.m.id());
  members_.boot(members_.add_member());
  met_.hit(mark::member_replaced);
}

/// One at a time, and never of members that the others need: most must stay right.
void faults::change_a_row() {
  auto& n = random_.one_in(4) && members_.leader() ? *members_.leader() : any();
  if (n.m.started().value == 0 || n.m.is_damaged() || rules_.does_wrong_prevail() ||
      !can_lose(n.m.id()))
    return;
  for (auto& other : members_.nodes())
    if (other.m.kept().state()->is_wrong || (other.m.is_up() && other.m.state().is_wrong)) return;
  if (n.m.corrupt(random_)) met_.hit(mark::row_changed);
}

void faults::skew_clock() {
  any().tick_ms = random_.between(40, 90);
  met_.hit(mark::clock_skewed);
}

void faults::jump_clock() {
  any().clock_off_ms = static_cast<std::int64_t>(random_.below(7'200'000)) - 3'600'000;
  met_.hit(mark::clock_jumped);
}

}  // namespace muster::simulation
