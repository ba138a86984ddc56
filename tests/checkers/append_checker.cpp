#include "tests/checkers/history.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace muster::checkers {

namespace {

verdict wrong(std::string why) { return {verdict::answer::wrong, std::move(why)}; }

struct answered {
  const operation* op;
  past seen;
};

/// The one order of appends, rebuilt from the digests in the answers.
class order {
public:
  explicit order(std::uint64_t steps_max) : steps_left_(steps_max) {}

  verdict read(const history& all) {
    std::set<std::string> values;
    for (const auto& o : all) {
      if (o.what == kind::append && !values.insert(o.value).second)
        return wrong("\"" + o.value + "\" is appended twice: values must differ");
      if (o.outcome == outcome_of::fail && o.what == kind::append) failed_.push_back(&o);
      const bool is_late = o.outcome == outcome_of::unknown && o.what == kind::append;
      if (is_late && o.result.empty()) open_.push_back(&o);
      if (o.outcome != outcome_of::ok && (!is_late || o.result.empty())) continue;
      past seen;
      if (!past::parse(o.result, seen))
        return wrong(describe(o) + ": an answer is COUNT:DIGEST of what was there before");
      (o.what == kind::append ? appends_ : reads_).push_back({&o, seen});
    }
    std::sort(appends_.begin(), appends_.end(),
              [](const auto& a, const auto& b) { return a.seen.count < b.seen.count; });
    std::sort(reads_.begin(), reads_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.seen.count, a.op->start) < std::pair(b.seen.count, b.op->start);
    });
    return {};
  }

  /// Follows the chain of digests; what is missing between two answers are appends of unknown
  /// outcome.
  verdict chain() {
    past now;
    for (const auto& anchor : anchors()) {
      if (anchor.seen.count < now.count)
        return wrong(describe(*anchor.op) + " and another append both follow the same past");
      if (auto v = bridge(now, anchor); v.says != verdict::answer::right) return v;
      now = anchor.seen;
      if (anchor.op->what == kind::append) {
        now = now.with(anchor.op->value);
        placed_.push_back({now.count, anchor.op});
      } else {
        placed_.push_back({now.count, anchor.op});
      }
    }
    return {};
  }

  /// What ended before another began stands before it.
  [[nodiscard]] verdict keeps_time() const {
    const operation* ends_first = nullptr;
    for (auto at = placed_.rbegin(); at != placed_.rend(); ++at) {
      const auto* op = at->second;
      if (ends_first && op->start > ends_first->end)
        return wrong(describe(*op) + " stands before " + describe(*ends_first) +
                     ", which had ended when it began");
      const bool is_open = op->outcome != outcome_of::ok;
      if (!is_open && (!ends_first || op->end < ends_first->end)) ends_first = op;
    }
    return {};
  }

private:
  /// All answers by the length of the past that they saw; a read of it before the append behind it.
  [[nodiscard]] std::vector<answered> anchors() const {
    std::vector<answered> all = reads_;
    all.insert(all.end(), appends_.begin(), appends_.end());
    std::stable_sort(all.begin(), all.end(), [](const answered& a, const answered& b) {
      return a.seen.count < b.seen.count;
    });
    return all;
  }

  verdict bridge(const past& from, const answered& to) {
    if (from == to.seen) return {};
    if (from.count == to.seen.count)
      return wrong(describe(*to.op) + " saw another past than the answers before it: expected " +
                   from.text());
    path missing;
    if (fill(from, to, open_, missing)) {
      auto now = from;
      for (const auto* op : missing) {
        now = now.with(op->value);
        placed_.push_back({now.count, op});
        std::erase(open_, op);
      }
      return {};
    }
    if (steps_left_ == 0)
      return {verdict::answer::undecided, std::to_string(to.seen.count - from.count) +
                                              " appends in a row have no answer, of " +
                                              std::to_string(open_.size()) + " that may be it"};
    auto with_failed = open_;
    with_failed.insert(with_failed.end(), failed_.begin(), failed_.end());
    if (fill(from, to, with_failed, missing))
      for (const auto* op : missing)
        if (op->outcome == outcome_of::fail)
          return wrong(describe(*op) + " was reported as failed and took effect");
    return wrong(describe(*to.op) +
                 " saw a past that no appends explain; known until then: " + from.text());
  }

  using path = std::vector<const operation*>;
  using paths = std::map<past, std::vector<path>>;

  /// All ways to go `steps` appends on from `at`, or back.
  void walk(const past& at, std::uint64_t steps, bool forward, const path& candidates, path& gone,
            paths& ends) {
    if (steps == 0) {
      ends[at].push_back(gone);
      return;
    }
    for (const auto* op : candidates) {
      if (steps_left_ == 0) return;
      if (std::find(gone.begin(), gone.end(), op) != gone.end()) continue;
      --steps_left_;
      gone.push_back(op);
      walk(forward ? at.with(op->value) : at.without(op->value), steps - 1, forward, candidates,
           gone, ends);
      gone.pop_back();
    }
  }

  /// Appends that lead from one past to another: from both sides to the middle.
  bool fill(const past& from, const answered& to, const path& all, path& found) {
    path candidates;
    for (const auto* op : all)
      if (op->start <= to.op->end) candidates.push_back(op);
    const auto gap = to.seen.count - from.count;
    if (gap > candidates.size()) return false;
    paths firsts;
    paths lasts;
    path gone;
    walk(from, gap / 2, true, candidates, gone, firsts);
    walk(to.seen, gap - gap / 2, false, candidates, gone, lasts);
    for (const auto& [middle, ways] : firsts) {
      const auto others = lasts.find(middle);
      if (others == lasts.end()) continue;
      for (const auto& first : ways)
        for (const auto& last : others->second) {
          found = first;
          found.insert(found.end(), last.rbegin(), last.rend());
          const std::set<const operation*> each(found.begin(), found.end());
          if (each.size() == found.size()) return true;
        }
    }
    found.clear();
    return false;
  }

  std::uint64_t steps_left_;
  std::vector<answered> appends_;
  std::vector<answered> reads_;
  std::vector<const operation*> open_;
  std::vector<const operation*> failed_;
  std::vector<std::pair<std::uint64_t, const operation*>> placed_;
};

}  // namespace

verdict check_appends(const history& of_one_key, std::uint64_t steps_max) {
  order o(steps_max);
  if (auto v = o.read(of_one_key); v.says != verdict::answer::right) return v;
  if (auto v = o.chain(); v.says != verdict::answer::right) return v;
  return o.keeps_time();
}

}  // namespace muster::checkers
