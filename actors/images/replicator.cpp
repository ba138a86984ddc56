#include "actors/images/replicator.hpp"

#include "actors/raft/guarded.hpp"
#include "actors/state/spreads/warnings.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/units.hpp"

#include <algorithm>

namespace muster::images {

namespace {

using clock = node::clock;
constexpr auto look_every = std::chrono::seconds(1);
constexpr auto copy_time_max = std::chrono::minutes(31);
constexpr auto surplus_kept = std::chrono::seconds(5);
constexpr auto short_unsaid = std::chrono::seconds(15);  ///< then there is a warning
constexpr int copies_max = 8;                            ///< at once, in the whole cluster
constexpr int default_replicas = 3;

/// Copies that failed are tried again after 1 s to 60 s.
std::chrono::seconds pause_after(int failed) {
  return std::chrono::seconds(std::min(60, 1 << std::min(failed, 6)));
}

std::vector<held_image> images_of(const state_view& s) {
  std::map<std::string, held_image> all;
  for (const auto& row : s.all<image>()) {
    auto& one = all[row.fingerprint];
    one.fingerprint = row.fingerprint;
    one.holders.insert(row.locations.begin(), row.locations.end());
  }
  for (const auto& i : s.all<instance>())
    if (const auto at = all.find(i.image_fingerprint); at != all.end())
      at->second.users.insert(i.owner);
  std::vector<held_image> list;
  for (auto& [fingerprint, one] : all) list.push_back(std::move(one));
  return list;
}

std::vector<place> places_of(const acting_member& me, link::links& peers) {
  std::set<member_id> up{me.self};
  for (const auto& h : peers.health())
    if (h.is_up) up.insert(h.id);
  std::vector<place> all;
  for (const auto& m : me.view->all<member>())
    all.push_back({m.id(), m.failure_domain, up.contains(m.id())});
  return all;
}

}  // namespace

int replicas_wanted(const state_view& s) {
  const auto text = value_in(s.only<server_config>().value_or(server_config{}).config,
                             "cluster.images_minimal_replica");
  if (text == "-1") return -1;
  return static_cast<int>(units::number(text, limits::members_max).value_or(default_replicas));
}

replicator::~replicator() {
  stopping_ = true;
  {
    const std::lock_guard guard(lock_);
    for (const auto& stream : asked_) stream->shutdown();
  }
  while (running_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

/// Who does not lead knows nothing of what others have begun.
void replicator::forget() {
  const std::lock_guard guard(lock_);
  failed_.clear();
  short_since_.clear();
}

void replicator::look(const std::function<void()>& wake) {
  const auto me = with_.server->acting();
  auto running = with_.server->now();
  if (!me || !running || (*running)->board().raft.now != raft::role::leader ||
      !(*running)->has_leader())
    return forget();
  under_way coming;
  std::set<key> resting;
  {
    const std::lock_guard guard(lock_);
    coming = coming_;
    for (const auto& [what, a] : failed_)
      if (a.again > clock::now()) resting.insert(what);
  }
  auto plan = plan_images(images_of(*me->view), places_of(*me, (*running)->peers()), coming,
                          replicas_wanted(*me->view));
  for (const auto& c : plan.copies)
    if (!resting.contains({c.fingerprint, c.to}) && running_ < copies_max) begin(c, wake);
  for (const auto& t : rested(std::move(plan.trims))) carry_out(t, *me->view);
  for (const auto& c : plan.copies)  // they do not come for now
    if (resting.contains({c.fingerprint, c.to}))
      plan.shortages.push_back({c.fingerprint, 0, 0, {}});
  warn(plan.shortages, *me);
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
  {
    const std::lock_guard guard(lock_);
    coming_[c.fingerprint].push_back(c.to);
  }
  ++running_;
  std::thread([this, c, wake] {
    const auto done = carry_out(c);
    {
      const std::lock_guard guard(lock_);
      auto& to = coming_[c.fingerprint];
      std::erase(to, c.to);
      if (to.empty()) coming_.erase(c.fingerprint);
      if (done) {
        failed_.erase({c.fingerprint, c.to});
      } else {
        auto& a = failed_[{c.fingerprint, c.to}];
        a.again = clock::now() + pause_after(a.failed++);
        a.why = done.error().detail;
      }
    }
    if (!stopping_) wake();
    --running_;
  }).detach();
}

status replicator::carry_out(const copy& c) {
  const auto who = with_.server->local_view()->row<member>({}, {c.to.value});
  return who ? ask(*who, c) : status(fail(errc::not_found, "the member is not known"));
}

/// The other answers when the file is there.
status replicator::ask(const member& who, const copy& c) {
  auto stream =
      with_.server->dial_member(who.address, who.fingerprint, clock::now() + limits::dial_deadline);
  if (!stream) return fail(errc::unavailable, who.name + " cannot be reached");
  {
    const std::lock_guard guard(lock_);
    if (stopping_) return fail(errc::unavailable, "this member stops");
    asked_.insert(*stream);
  }
  tls::http_request order;
  order.method = "POST";
  order.target = "/internal/images/" + c.fingerprint + "/fetch?from=";
  for (const auto id : c.sources) order.target += std::to_string(id.value) + ",";
  auto answer = tls::ask(**stream, order, {clock::now() + copy_time_max, 1u << 16, {}});
  {
    const std::lock_guard guard(lock_);
    asked_.erase(*stream);
  }
  if (!answer) return answer.error();
  if (answer->status == 200) return ok();
  return fail(errc::unavailable,
              who.name + ": " + answer->body.substr(0, limits::reason_bytes_max));
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

std::string replicator::why_short(const shortage& s, const state_view& view) const {
  std::string away;
  for (const auto id : s.away)
    if (const auto m = view.row<member>({}, {id.value}))
      away += (away.empty() ? "" : ", ") + m->name;
  std::string why = "image " + s.fingerprint.substr(0, 12) + " lies on fewer members than wanted";
  if (!away.empty()) why += "; " + away + " cannot be reached";
  for (const auto& [what, a] : failed_)
    if (what.first == s.fingerprint) return why + "; " + a.why;
  return why;
}

/// One warning an image, once it has been so for a while; settled when it is not so any more.
void replicator::warn(const std::vector<shortage>& all, const acting_member& me) {
  const auto now = clock::now();
  std::map<std::string, std::string> said;  // fingerprint → why
  {
    const std::lock_guard guard(lock_);
    std::set<std::string> is_short;
    for (const auto& s : all) {
      is_short.insert(s.fingerprint);
      const auto since = short_since_.try_emplace(s.fingerprint, now).first->second;
      if (now - since > short_unsaid && !said.contains(s.fingerprint))
        said[s.fingerprint] = why_short(s, *me.view);
    }
    std::erase_if(short_since_, [&](const auto& one) { return !is_short.contains(one.first); });
  }
  std::map<row_key, std::string> wanted;
  for (const auto& row : me.view->all<image>())
    if (const auto at = said.find(row.fingerprint); at != said.end())
      wanted[key_of(row)] = at->second;
  const auto write = [&](command_body body) {
    (void)with_.server->write(std::move(body), {}, "images", now + limits::write_deadline).ok();
  };
  for (const auto& w : me.view->all<warning>()) {
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
