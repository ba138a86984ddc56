#include "tests/checkers/history.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>

namespace muster::checkers {

namespace {

/// What cannot matter goes: failures, reads without an answer, open writes that nobody has read
/// (they may come after everything).
history that_matter(const history& all) {
  std::set<std::string> read;
  for (const auto& o : all)
    if (o.what == kind::read && o.outcome == outcome_of::ok) read.insert(o.result);
  history ops;
  for (const auto& o : all) {
    if (o.outcome == outcome_of::fail) continue;
    if (o.outcome == outcome_of::unknown && (o.what == kind::read || !read.contains(o.value)))
      continue;
    ops.push_back(o);
    if (o.outcome == outcome_of::unknown) ops.back().end = never;
  }
  return ops;
}

/// Searches an order by Wing & Gong: places operations whose call comes before the first return,
/// and steps back at a return of one without a place. Lowe's memo keeps what was tried. A read that
/// fits now is placed now: that never spoils anything.
class search {
public:
  explicit search(history ops) : ops_(std::move(ops)) {
    std::vector<std::tuple<std::uint64_t, bool, std::size_t>> times;
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      times.emplace_back(ops_[i].start, false, i);
      times.emplace_back(ops_[i].end, true, i);  // calls first: what only touches is concurrent
    }
    std::sort(times.begin(), times.end());
    events_.resize(times.size() + 1);  // 0: the ends of the ring
    returns_.resize(ops_.size());
    for (std::size_t i = 0; i < events_.size(); ++i) {
      events_[i].before = i == 0 ? times.size() : i - 1;
      events_[i].after = i == times.size() ? 0 : i + 1;
      if (i == 0) continue;
      events_[i].op = std::get<2>(times[i - 1]);
      events_[i].is_call = !std::get<1>(times[i - 1]);
      if (!events_[i].is_call) returns_[events_[i].op] = i;
    }
    placed_.assign((ops_.size() + 7) / 8, '\0');
  }

  verdict run(std::uint64_t steps_max) {
    auto at = first();
    while (first() != 0) {
      if (steps_max-- == 0) return {verdict::answer::undecided, "too many orders are possible"};
      if (events_[at].is_call) {
        at = place(at) ? first() : events_[at].after;
        continue;
      }
      note_stuck(events_[at].op);
      do {
        if (stack_.empty()) return {verdict::answer::wrong, explain()};
        at = take_back();
      } while (ops_[events_[at].op].what == kind::read);
      at = events_[at].after;
    }
    return {};
  }

private:
  /// A call or a return, in a ring in order of time.
  struct event {
    std::size_t before = 0;
    std::size_t after = 0;
    std::size_t op = 0;
    bool is_call = false;
  };
  struct step {
    std::size_t call;
    std::string value_before;
  };

  [[nodiscard]] std::size_t first() const { return events_[0].after; }
  void lift(std::size_t e) {
    events_[events_[e].before].after = events_[e].after;
    events_[events_[e].after].before = events_[e].before;
  }
  void put_back(std::size_t e) {
    events_[events_[e].before].after = e;
    events_[events_[e].after].before = e;
  }
  void flip(std::size_t op) {
    placed_[op / 8] = static_cast<char>(placed_[op / 8] ^ (1 << op % 8));
  }

  bool place(std::size_t call) {
    const auto op = events_[call].op;
    const auto& o = ops_[op];
    if (o.what == kind::read && o.result != value_) return false;
    flip(op);
    const auto& next = o.what == kind::read ? value_ : o.value;
    if (!seen_.insert(placed_ + next).second) {
      flip(op);
      return false;
    }
    stack_.push_back({call, value_});
    value_ = next;
    lift(call);
    lift(returns_[op]);
    return true;
  }

  std::size_t take_back() {
    auto last = std::move(stack_.back());
    stack_.pop_back();
    const auto op = events_[last.call].op;
    put_back(returns_[op]);
    put_back(last.call);
    flip(op);
    value_ = std::move(last.value_before);
    return last.call;
  }

  void note_stuck(std::size_t op) {
    if (!stuck_.empty() && stack_.size() < deepest_) return;
    deepest_ = stack_.size();
    stuck_ = describe(ops_[op]) + " finds \"" + value_ + "\"";
    if (!stack_.empty()) stuck_ += " after " + describe(ops_[events_[stack_.back().call].op]);
  }

  [[nodiscard]] std::string explain() const {
    return "no order of the operations is possible; the best one places " +
           std::to_string(deepest_) + " of " + std::to_string(ops_.size()) + ", then " + stuck_;
  }

  history ops_;
  std::vector<event> events_;
  std::vector<std::size_t> returns_;
  std::vector<step> stack_;
  std::string placed_;
  std::unordered_set<std::string> seen_;
  std::string value_;
  std::size_t deepest_ = 0;
  std::string stuck_;
};

/// One value that is written once: its write and reads must stand together. `from` is the first
/// end, `to` the last start among them: the value is there all that time if from < to.
struct zone {
  std::uint64_t from = never;
  std::uint64_t to = 0;
  const operation* write = nullptr;
  [[nodiscard]] bool is_forward() const { return from < to; }
};

std::string describe_pair(const zone& a, const zone& b) {
  const auto one = [](const zone& z) {
    return z.write ? describe(*z.write) : std::string("the value before any write");
  };
  return one(a) + " and " + one(b) + ": each is seen in the other's time";
}

/// Gibbons & Korach 1997: with different values, a history is right if no two times in which a
/// value must be there overlap, and none of them encloses all of another value's operations.
verdict check_zones(const history& ops) {
  std::map<std::string, zone> zones;
  zones[""].from = 0;
  for (const auto& o : ops) {
    auto& z = zones[o.what == kind::write ? o.value : o.result];
    z.from = std::min(z.from, o.end);
    z.to = std::max(z.to, o.start);
    if (o.what == kind::write) z.write = &o;
  }
  for (const auto& o : ops)
    if (o.what == kind::read)
      if (const auto* w = zones[o.result].write; w && o.end < w->start)
        return {verdict::answer::wrong, describe(o) + " ends before " + describe(*w)};
  std::vector<zone> forward;
  for (const auto& [value, z] : zones)
    if (z.is_forward()) forward.push_back(z);
  std::sort(forward.begin(), forward.end(),
            [](const zone& a, const zone& b) { return a.from < b.from; });
  for (std::size_t i = 1; i < forward.size(); ++i)
    if (forward[i].from < forward[i - 1].to)
      return {verdict::answer::wrong, describe_pair(forward[i - 1], forward[i])};
  for (const auto& [value, z] : zones) {
    if (z.is_forward()) continue;
    for (const auto& f : forward)
      if (f.from < z.to && z.from < f.to) return {verdict::answer::wrong, describe_pair(f, z)};
  }
  return {};
}

bool values_differ(const history& ops) {
  std::set<std::string> values{""};
  return std::all_of(ops.begin(), ops.end(), [&](const operation& o) {
    return o.what != kind::write || values.insert(o.value).second;
  });
}

}  // namespace

verdict check_register(const history& of_one_key, std::uint64_t steps_max) {
  auto ops = that_matter(of_one_key);
  std::set<std::string> written{""};
  for (const auto& o : ops)
    if (o.what == kind::write) written.insert(o.value);
  for (const auto& o : ops)
    if (o.what == kind::read && !written.contains(o.result))
      return {verdict::answer::wrong, describe(o) + " reads what was never written, or failed"};
  return values_differ(ops) ? check_zones(ops) : search(std::move(ops)).run(steps_max);
}

verdict search_register(const history& of_one_key, std::uint64_t steps_max) {
  return search(that_matter(of_one_key)).run(steps_max);
}

}  // namespace muster::checkers
