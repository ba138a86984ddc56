#include "actors/images/replicator.hpp"

#include "actors/images/image_places.hpp"
#include "actors/raft/guarded.hpp"
#include "actors/state/spreads/warnings.hpp"
#include "schemas/basic/limits.hpp"

#include <algorithm>

namespace muster::images {

namespace {

using clock = node::clock;
constexpr auto look_every = std::chrono::seconds(1);
constexpr auto copy_time_max = std::chrono::minutes(31);
constexpr auto surplus_kept = std::chrono::seconds(5);
constexpr auto short_unsaid = std::chrono::seconds(15);  ///< then there is a warning
constexpr std::size_t copies_max = 8;                    ///< at once, in the whole cluster

/// Copies that failed are tried again after 1 s to 60 s.
std::chrono::seconds pause_after(int failed) {
  return std::chrono::seconds(std::min(60, 1 << std::min(failed, 6)));
}

std::vector<held_image> images_of(const state_view& s) {
  std::vector<held_image> all;
  for (auto& [fingerprint, holders] : holders_by_image(s))
    all.push_back({fingerprint, std::move(holders), {}});
  return all;
}

/// Only what is too much asks where instances are: they are many.
void add_users(std::vector<held_image>& images, const state_view& s) {
  std::map<std::string, std::set<member_id>> users;
  s.each(table::instance, std::nullopt, [&](const object& o) {
    const auto& i = std::get<instance>(o);
    users[i.image_fingerprint].insert(i.owner);
    return true;
  });
  for (auto& one : images)
    if (const auto at = users.find(one.fingerprint); at != users.end()) one.users = at->second;
}

std::vector<place> places_of(const state_view& s, const std::set<member_id>& online) {
  std::vector<place> all;
  for (const auto& m : s.all<member>())
    all.push_back({m.id(), m.failure_domain, online.contains(m.id())});
  return all;
}

}  // namespace

replicator::~replicator() {
  for (auto& o : orders_) {
    const std::lock_guard guard(o.lock);
    o.stops = true;
    if (o.asked) o.asked->shutdown();
  }
}

/// Of copies that have ended.
void replicator::take_results() {
  orders_.remove_if([&](order& o) {
    const std::lock_guard guard(o.lock);
    if (!o.is_over) return false;
    const key what{o.what.fingerprint, o.what.to};
    if (o.how) {
      failed_.erase(what);
    } else {
      auto& a = failed_[what];
      a.again = clock::now() + pause_after(a.failed++);
      a.why = o.how.error().detail;
    }
    return true;
  });
}

void replicator::look(const std::function<void()>& wake) {
  take_results();
  const auto running = with_.server->now();
  const bool leads =
      running && (*running)->board().raft.now == raft::role::leader && (*running)->has_leader();
  const auto me = leads ? with_.server->acting() : std::nullopt;
  if (!me) {  // who does not lead knows nothing of what others begin
    failed_.clear();
    short_since_.clear();
    surplus_since_.clear();
    return;
  }
  const auto places = places_of(*me->view, with_.server->online());
  const auto replicas = replicas_wanted(*me->view);
  auto images = images_of(*me->view);
  if (std::any_of(images.begin(), images.end(), [&](const held_image& i) {
        return i.holders.size() > copies_wanted(replicas, places.size());
      }))
    add_users(images, *me->view);
  for (auto& i : images)
    for (const auto& [what, how] : failed_)
      if (what.first == i.fingerprint && how.again > clock::now()) i.barred.insert(what.second);
  under_way coming;
  for (const auto& o : orders_) coming[o.what.fingerprint].push_back(o.what.to);
  auto plan = plan_images(images, places, coming, replicas);
  for (const auto& c : plan.copies)
    if (orders_.size() < copies_max) begin(c, wake);
  for (const auto& t : rested(std::move(plan.trims))) carry_out(t, *me->view);
  warn(said_of(plan.shortages, *me->view), *me->view);
}

/// A copy that came for one request is left there for a while.
std::vector<trim> replicator::rested(std::vector<trim> trims) {
  const auto now = clock::now();
  std::erase_if(surplus_since_, [&](const auto& one) {
    return std::none_of(trims.begin(), trims.end(),
                        [&](const trim& t) { return t.fingerprint == one.first; });
  });
  std::erase_if(trims, [&](const trim& t) {
    return now - surplus_since_.try_emplace(t.fingerprint, now).first->second < surplus_kept;
  });
  return trims;
}

void replicator::begin(const copy& c, const std::function<void()>& wake) {
  auto& o = orders_.emplace_back();
  o.what = c;
  o.works = std::jthread([this, &o, wake] {
    auto how = carry_out(o);
    {
      const std::lock_guard guard(o.lock);
      o.how = std::move(how);
      o.is_over = true;
    }
    wake();
  });
}

/// The other answers when the file is there.
status replicator::carry_out(order& o) {
  const auto who = with_.server->local_view()->row<member>({}, {o.what.to.value});
  if (!who) return fail(errc::not_found, "the member is not known");
  auto stream = with_.server->dial_member(who->address, who->fingerprint,
                                          clock::now() + limits::dial_deadline);
  if (!stream) return fail(errc::unavailable, who->name + " cannot be reached");
  {
    const std::lock_guard guard(o.lock);
    if (o.stops) return fail(errc::unavailable, "this member stops");
    o.asked = *stream;
  }
  tls::http_request ask;
  ask.method = "POST";
  ask.target = "/internal/images/" + o.what.fingerprint + "/fetch?from=";
  for (const auto id : o.what.sources) ask.target += std::to_string(id.value) + ",";
  auto answer = tls::ask(**stream, ask, {clock::now() + copy_time_max, 1u << 16, {}});
  if (!answer) return answer.error();
  if (answer->status == 200) return ok();
  return fail(errc::unavailable,
              who->name + ": " + answer->body.substr(0, limits::reason_bytes_max));
}

/// That member's own images actor drops the file.
void replicator::carry_out(const trim& t, const state_view& view) {
  for (const auto& row : view.all<image>())
    if (row.fingerprint == t.fingerprint &&
        std::find(row.locations.begin(), row.locations.end(), t.at) != row.locations.end())
      (void)with_.server
          ->write(locate_image{key_of(row), t.at, false}, {}, "images",
                  clock::now() + limits::write_deadline)
          .ok();
}

/// Fingerprint → why, of images that have had too few copies for a while.
std::map<std::string, std::string> replicator::said_of(const std::vector<shortage>& all,
                                                       const state_view& view) {
  const auto now = clock::now();
  std::erase_if(short_since_, [&](const auto& one) {
    return std::none_of(all.begin(), all.end(),
                        [&](const shortage& s) { return s.fingerprint == one.first; });
  });
  std::map<std::string, std::string> said;
  for (const auto& s : all) {
    const auto since = short_since_.try_emplace(s.fingerprint, now).first->second;
    if (now - since < short_unsaid || said.contains(s.fingerprint)) continue;
    auto& why = said[s.fingerprint];
    why = "image " + s.fingerprint.substr(0, 12) + " lies on fewer members than wanted";
    if (!s.away.empty()) why += "; " + names_of(view, s.away) + " cannot be reached";
    const auto failed = failed_.lower_bound({s.fingerprint, {}});
    if (failed != failed_.end() && failed->first.first == s.fingerprint)
      why += "; " + failed->second.why;
  }
  return said;
}

/// One warning an image; settled when it is not so any more.
void replicator::warn(const std::map<std::string, std::string>& said, const state_view& view) {
  std::map<row_key, std::string> wanted;
  if (!said.empty())
    for (const auto& row : view.all<image>())
      if (const auto at = said.find(row.fingerprint); at != said.end())
        wanted[key_of(row)] = at->second;
  const auto write = [&](command_body body) {
    (void)with_.server->write(std::move(body), {}, "images", clock::now() + limits::write_deadline)
        .ok();
  };
  for (const auto& w : view.all<warning>()) {
    if (w.type != state::few_copies || w.status == warning_status::resolved) continue;
    if (!wanted.contains(w.about)) write(settle_warning{w.type, w.location, w.about});
    wanted.erase(w.about);  // it is said
  }
  for (const auto& [about, why] : wanted)
    write(raise_warning{state::few_copies, {}, about, why, severity::moderate});
}

replicator_handle::behavior_type image_replicator(
    replicator_handle::stateful_pointer<replicator_state> self, replicator_settings with) {
  raft::stop_on_exception(self, "image replicator", with.stop);
  self->state.copies = std::make_unique<replicator>(std::move(with));
  const auto look = [self, handle = caf::actor_cast<caf::weak_actor_ptr>(self)] {
    self->state.copies->look([handle] {
      if (const auto there = handle.lock())
        caf::anon_send(caf::actor_cast<replicator_handle>(there), look_at_copies{});
    });
  };
  self->delayed_send(self, look_every, look_at_copies_again{});
  return {
      [=](look_at_copies) { look(); },
      [=](look_at_copies_again) {
        look();
        self->delayed_send(self, look_every, look_at_copies_again{});
      },
  };
}

}  // namespace muster::images
