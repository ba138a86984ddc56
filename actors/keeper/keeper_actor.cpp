#include "actors/keeper/keeper_actor.hpp"

#include "actors/keeper/maker.hpp"
#include "actors/keeper/pools/pool_places.hpp"
#include "schemas/basic/fault_point.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>

namespace muster::keeper {

namespace {

using self_pointer = keeper_handle::stateful_pointer<keeper_state>;
constexpr auto try_again_after = std::chrono::seconds(10);
constexpr auto first_try_after = std::chrono::milliseconds(500);
constexpr auto absent_least = std::chrono::minutes(1);

struct makers {
  make_function make;
  remove_function remove;
};

result<makers> makers_of(const object& row) {
  const auto kind = kind_of(row);
  if (std::holds_alternative<storage_pool>(row)) {
    if (kind == "dir") return makers{make_dir_pool, remove_dir_pool};
    if (kind == "btrfs") return makers{make_btrfs_pool, remove_btrfs_pool};
    return fail(errc::refused,
                "this version of the server knows no storage driver \"" + std::string(kind) + "\"");
  }
  if (kind == "bridge") return makers{make_bridge, remove_bridge};
  if (kind == "physical" || kind == "macvlan") return makers{check_parent, leave_parent};
  return fail(errc::refused,
              "this version of the server knows no network type \"" + std::string(kind) + "\"");
}

string_map config_on(const object& row, member_id self) {
  auto all = config_of(row);
  const auto& parts = spread_of(row)->parts;
  if (const auto own = parts.find(self); own != parts.end())
    for (const auto& [key, value] : own->second.config) all[key] = value;
  return all;
}

/// One look, with what it needs at hand.
class look {
public:
  look(keeper_state& state, const acting_member& me)
      : state_(state), with_(*state.with), self_(me.self), cluster_(me.cluster), view_(*me.view) {}

  void run(bool is_first) {
    const auto now = situation_now(is_first);
    for (const auto& t : plan(now)) carry_out(t, now);
  }

private:
  situation situation_now(bool is_first) {
    situation now;
    now.self = self_;
    now.is_first = is_first;
    each_spread(view_, [&](const object& row) {
      now.wanted.push_back(row);
      return true;
    });
    now.left = view_.all<leftover>();
    for (const auto& [key, m] : state_.made->all()) {
      now.made[key] = spread_of(m.row)->version;
      if (m.cluster != cluster_) now.strange.insert(key);
    }
    now.failed = state_.failed;
    note_absent(now);
    return now;
  }

  void note_absent(situation& now) {
    const auto at = std::chrono::steady_clock::now();
    std::map<row_key, std::chrono::steady_clock::time_point> absent;
    for (const auto& [key, version] : now.made) {
      const auto is_it = [key = key](const object& row) { return key_of(row) == key; };
      if (std::any_of(now.wanted.begin(), now.wanted.end(), is_it)) continue;
      const auto known = state_.absent_since.find(key);
      absent[key] = known == state_.absent_since.end() ? at : known->second;
      if (at - absent[key] >= absent_least) now.long_absent.insert(key);
    }
    state_.absent_since = std::move(absent);
    // The absence must not be one of old records.
    if (!now.long_absent.empty() && !with_.readable()) now.long_absent.clear();
  }

  void carry_out(const task& t, const situation& now) {
    if (t.what == step::remove) return remove(t.key, now);
    if (t.what == step::report_gone) return report(t.key, 0, part_state::created, {}, {});
    for (const auto& row : now.wanted)
      if (key_of(row) == t.key) return t.what == step::make ? make(row) : report_made(row);
  }

  wish wish_of(const object& row) const {
    wish w{with_.data_dir, std::string(name_of(row)), config_on(row, self_), std::nullopt, false};
    const auto& reported = spread_of(row)->parts;
    const auto own = reported.find(self_);
    w.was_made = own != reported.end() && own->second.state == part_state::created &&
                 own->second.version != 0;
    const auto before = state_.made->all().find(key_of(row));
    if (before != state_.made->all().end() && spread_of(before->second.row)->version != 0) {
      const auto& parts = spread_of(before->second.row)->parts;
      w.before = config_on(before->second.row, parts.empty() ? self_ : parts.begin()->first);
      for (const auto& [key, value] : *w.before)  // chosen here, and perhaps not reported yet
        if (is_member_key(table_of(row), key)) w.config.try_emplace(key, value);
    }
    return w;
  }

  /// What is made is known before: whatever happens then, it can be removed.
  result<string_map> begin(const object& row) {
    if (state_.made->all().contains(key_of(row))) return string_map{};
    auto kept = keep(row, 0, {});
    return kept ? result<string_map>(string_map{}) : kept.error();
  }

  /// @param version 0: not made yet.
  status keep(const object& row, std::uint64_t version, const string_map& chosen) {
    made m{cluster_, row};
    auto& across = *spread_of(m.row);
    auto own = across.parts[self_].config;
    for (const auto& [k, v] : chosen) own[k] = v;
    across.version = version;
    across.parts = {{self_, {own, part_state::created, {}, version}}};
    return state_.made->keep(m);
  }

  void make(const object& row) {
    const auto key = key_of(row);
    const auto version = spread_of(row)->version;
    const auto how = makers_of(row);
    auto chosen = how ? begin(row) : result<string_map>(how.error());
    if (chosen) chosen = how->make(wish_of(row));
    fault_point("keeper.after_make");
    if (key.where == table::storage_pool) {
      const auto place = pool_place(with_.data_dir, std::string(name_of(row)));
      with_.told_pool(std::string(name_of(row)), chosen ? ok() : status(chosen.error()),
                      is_mount_point(place));
    }
    if (chosen)
      if (auto kept = keep(row, version, *chosen); !kept) chosen = kept.error();
    const auto& parts = spread_of(row)->parts;
    const auto part = parts.find(self_);
    if (chosen) {
      if (is_due(*spread_of(row), self_) || part == parts.end() ||
          part->second.state != part_state::created)
        report(key, version, part_state::created, {}, *chosen);
      return;
    }
    state_.failed[key] = version;
    const auto& why = chosen.error().detail;
    with_.log(std::string(name_of(row)) + " cannot be made here: " + why);
    if (part == parts.end() || part->second.version < version || part->second.reason != why)
      report(key, version, part_state::errored, why, {});
  }

  void remove(const row_key& key, const situation& now) {
    const auto& m = state_.made->all().at(key);
    const auto how = makers_of(m.row);
    auto w = wish_of(m.row);
    const auto gone = how ? how->remove(w) : ok();
    if (!gone) {
      state_.failed[key] = 0;
      with_.log(w.name + " cannot be removed here: " + gone.error().detail);
    } else {
      state_.made->forget(key);
    }
    for (const auto& l : now.left)
      if (l.on == self_ && l.of == key && (gone || l.reason != gone.error().detail))
        report(key_of(l), 0, gone ? part_state::created : part_state::errored,
               gone ? "" : gone.error().detail, {});
  }

  void report_made(const object& row) {
    report(key_of(row), spread_of(row)->version, part_state::created, {},
           spread_of(state_.made->all().at(key_of(row)).row)->parts.begin()->second.config);
  }

  /// A report that is lost is made again at a later look.
  void report(const row_key& key, std::uint64_t version, part_state what, const std::string& why,
              const string_map& chosen) {
    if (auto said = with_.write(report_part{key, self_, version, what, why, chosen}); !said)
      with_.log("a report on pools and networks was not taken: " + said.error().detail);
  }

  keeper_state& state_;
  const keeper_settings& with_;
  member_id self_;
  std::string cluster_;
  const state_view& view_;
};

void look_once(self_pointer self, bool again) {
  auto& state = self->state;
  const auto as = [](const acting_member& m) {
    return m.cluster + " " + std::to_string(m.self.value);
  };
  auto me = state.with->acting();
  const bool is_first = !me || as(*me) != state.looked_in;
  if (is_first) {
    state.looked_in.clear();
    state.absent_since.clear();
    if (!me || !state.with->readable()) return;  // a join is not complete; the records may be old
    me = state.with->acting();
    if (!me) return;
  }
  if (is_first || again) state.failed.clear();
  state.looked_in = as(*me);
  look(state, *me).run(is_first);
  if (is_first) state.with->told_ready();
}

}  // namespace

keeper_handle::behavior_type keeper_actor(self_pointer self, keeper_settings with) {
  self->state.made = std::make_unique<made_files>(with.data_dir);
  self->state.with = std::make_shared<const keeper_settings>(std::move(with));
  self->send(self, look_now{true});
  return {[=](const look_now& m) {
    look_once(self, m.again);
    if (!m.again) return;
    const bool has_looked = !self->state.looked_in.empty();
    if (has_looked)
      self->delayed_send(self, try_again_after, look_now{true});
    else
      self->delayed_send(self, first_try_after, look_now{true});
  }};
}

}  // namespace muster::keeper
