#include "schemas/codec/codec.hpp"
#include "tests/simulation/members/describe.hpp"
#include "tests/simulation/scenario/scenario.hpp"

#include <algorithm>

namespace muster::simulation {

namespace {

std::vector<member_id> ids_of(const std::string& list) {
  std::vector<member_id> ids;
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');)
    ids.push_back({std::strtoull(part.c_str(), nullptr, 10)});
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool is_vote(const raft::message& m) {
  return std::holds_alternative<raft::vote_request>(m.body) ||
         std::holds_alternative<raft::vote_response>(m.body);
}

constexpr int campaign_ticks_max = 30;
constexpr int deliveries_max = 2'000;

}  // namespace

void scenario::do_members(const arguments& a) {
  raft::configuration c;
  c.voters = ids_of(a.get("voters"));
  c.standbys = ids_of(a.get("standbys"));
  c.spares = ids_of(a.get("spares"));
  if (!a.get("append").empty()) append_bytes_max_ = ids_of(a.get("append")).front().value;
  auto fresh = ids_of(a.get("fresh"));
  for (const auto* set : {&c.voters, &c.standbys, &c.spares, &fresh})
    for (const auto id : *set) {
      auto& m = members_[id];
      m = std::make_unique<member>(id, rules_, met_);
      if (set != &fresh) m->kept().bootstrap(c);
      start(*m);
    }
}

void scenario::do_tick(const arguments& a) {
  const auto times = a.words.size() > 1 ? a.id(1).value : 1;
  for (std::uint64_t i = 0; i < times; ++i)
    if (auto* m = at(a)) step(*m, raft::tick{1'000});
}

/// Time passes for this member alone, until it asks for votes.
void scenario::do_campaign(const arguments& a) {
  auto* m = at(a);
  if (!m) return;
  const auto term = m->core().hard().term;
  for (int i = 0; i < campaign_ticks_max; ++i) {
    step(*m, raft::tick{1'000});
    if (m->core().role_now() == raft::role::pre_candidate || m->core().hard().term > term) return;
  }
  fail("it does not campaign");
}

void scenario::deliver_votes(const std::vector<member_id>& side) {
  const auto takes_part = [&](member_id id) {
    return std::find(side.begin(), side.end(), id) != side.end();
  };
  for (bool moved = true; moved;) {
    moved = false;
    std::deque<raft::message> rest;
    for (const auto& x : std::exchange(flying_, {})) {
      const bool goes = is_vote(x) && takes_part(x.from) && takes_part(x.to);
      moved = moved || goes;
      if (goes)
        deliver(x);
      else if (!is_vote(x))
        rest.push_back(x);
    }
    flying_.insert(flying_.begin(), rest.begin(), rest.end());
  }
}

/// The others have heard of no leader for long; this one campaigns and wins. Only votes travel.
void scenario::do_elect(const arguments& a) {
  auto* m = at(a);
  if (!m) return;
  std::vector<member_id> side;
  for (const auto& [id, other] : members_)
    if (other->is_up()) side.push_back(id);
  if (!a.get("with").empty()) side = ids_of(a.get("with"));
  side.push_back(m->id());
  is_quiet_ = true;
  for (const auto id : side)
    for (int i = 0; id != m->id() && i < 5; ++i) step(*find(id), raft::tick{1'000});
  std::erase_if(flying_, is_vote);
  for (int tries = 0; tries < 3 && m->core().role_now() != raft::role::leader; ++tries) {
    do_campaign(a);
    deliver_votes(side);
  }
  is_quiet_ = false;
  for (auto& [id, other] : members_) show(*other);
  if (m->core().role_now() != raft::role::leader) fail("it does not win");
}

/// What fits, and what it causes if that fits, until nothing is left.
void scenario::do_deliver(const arguments& a) {
  int left = deliveries_max;
  do {
    std::deque<raft::message> now;
    std::deque<raft::message> rest;
    for (auto& m : flying_) (fits(m, a) ? now : rest).push_back(std::move(m));
    flying_ = std::move(rest);
    if (now.empty()) break;
    for (const auto& m : now) deliver(m);
    left -= static_cast<int>(now.size());
  } while (left > 0);
  if (left <= 0) fail("the members do not come to rest");
}

void scenario::do_drop(const arguments& a) {
  std::erase_if(flying_, [&](const raft::message& m) {
    if (!fits(m, a)) return false;
    out_ << "lost " << describe(m) << "\n";
    return true;
  });
}

/// Messages between the sides are lost, also those in the air.
void scenario::do_partition(const arguments& a) {
  std::map<member_id, std::size_t> side;
  for (std::size_t i = 0; i < a.words.size(); ++i)
    for (const auto id : ids_of(a.words[i])) side[id] = i + 1;
  for (const auto& [x, mx] : members_)
    for (const auto& [y, my] : members_)
      if (side[x] != side[y]) cut_.insert({x, y});
  std::erase_if(flying_, [&](const raft::message& m) { return cut_.contains({m.from, m.to}); });
}

void scenario::do_cut(const arguments& a) {
  for (const auto from : ids_of(a.get("from")))
    for (const auto to : ids_of(a.get("to"))) cut_.insert({from, to});
}

void scenario::do_heal(const arguments&) { cut_.clear(); }
void scenario::do_hold(const arguments& a) { held_.insert(a.id(0)); }

void scenario::do_sync(const arguments& a) {
  held_.erase(a.id(0));
  auto* m = at(a);
  if (!m) return;
  drive(*m);
  show(*m);
}

void scenario::do_crash(const arguments& a) {
  auto* m = at(a);
  if (!m) return;
  m->stop();
  chance random(1);
  const auto fate = a.get("write");
  m->kept().cut_power(fate == "whole"  ? write_fate::whole
                      : fate == "torn" ? write_fate::torn
                                       : write_fate::lost,
                      random);
  rules_.synced(m->id());
  held_.erase(m->id());
  shown_.erase(m->id());
  proposed_.erase(m->id());
}

void scenario::do_restart(const arguments& a) {
  auto* m = find(a.id(0));
  if (!m || m->is_up()) return fail("no such member is down");
  start(*m);
}

/// The disk is lost, and the member comes back as if it were the same.
void scenario::do_wipe(const arguments& a) {
  auto* m = find(a.id(0));
  if (!m || m->is_up()) return fail("no such member is down");
  m->kept() = disk();
}

void scenario::do_propose(const arguments& a) {
  auto* m = at(a);
  if (!m || a.words.size() < 2) return;
  const auto& value = a.words[1];
  proposed_[m->id()].push_back({{}, {}, value});
  const command c{{}, {}, {}, set_config{{{"user.r", value}}, {}}};
  step(*m, raft::propose{next_tag_++, codec::encode(c)});
}

void scenario::do_read(const arguments& a) {
  auto* m = at(a);
  if (!m) return;
  const auto tag = next_tag_++;
  reads_[{m->id(), tag}] = rules_.acknowledged_index();
  step(*m, raft::read{tag});
}

void scenario::do_change(const arguments& a) {
  auto* m = at(a);
  if (!m) return;
  raft::configuration target;
  target.voters = ids_of(a.get("voters"));
  target.standbys = ids_of(a.get("standbys"));
  target.spares = ids_of(a.get("spares"));
  step(*m, raft::change_members{next_tag_++, target});
}

void scenario::do_transfer(const arguments& a) {
  if (auto* m = at(a)) step(*m, raft::transfer{ids_of(a.get("to")).front()});
}

void scenario::do_compact(const arguments& a) {
  if (auto* m = at(a)) {
    m->cut_log(m->flush());
    show(*m);
  }
}

void scenario::do_fetch(const arguments& a) {
  auto* m = at(a);
  auto* from = m ? find(ids_of(a.get("from")).front()) : nullptr;
  if (!from || !from->is_up()) return;
  if (!m->install(std::make_shared<const saved_state>(from->state())))
    return void(out_ << "  " << m->id().value << " has all of it\n");
  m->tell_installed();
  drive(*m);
  show(*m);
}

void scenario::do_link_down(const arguments& a) {
  if (auto* m = at(a)) step(*m, raft::link_down{a.id(1)});
}

void scenario::do_link_up(const arguments& a) {
  if (auto* m = at(a)) step(*m, raft::link_up{a.id(1)});
}

/// Apply finds another row than it has written.
void scenario::do_corrupt(const arguments& a) {
  auto* m = find(a.id(0));
  chance random(1);
  if (!m || !m->corrupt(random)) fail("no row of it can be changed");
}

/// Time passes for all, and everything arrives.
void scenario::do_settle(const arguments& a) {
  const auto rounds = a.words.empty() ? 20 : a.id(0).value;
  is_quiet_ = true;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (auto& [id, m] : members_)
      if (m->is_up()) step(*m, raft::tick{1'000});
    do_deliver({});
  }
  is_quiet_ = false;
  for (auto& [id, m] : members_) show(*m);
}

void scenario::do_status(const arguments&) {
  for (auto& [id, m] : members_) {
    out_ << id.value << ": ";
    if (m->is_up())
      out_ << describe(m->core()) << " " << describe(m->core().members()) << "\n";
    else
      out_ << "is down\n";
  }
  for (const auto& m : flying_) out_ << "in the air " << describe(m) << "\n";
}

void scenario::do_log(const arguments& a) {
  auto* m = at(a);
  if (!m) return;
  const auto& log = m->core().entries();
  for (auto i = log.start().index + 1; i <= log.last(); i = i + 1)
    out_ << describe(log.at(i)) << "\n";
}

/// "expect 1 role=leader commit=5", "expect broken=RULE".
void scenario::do_expect(const arguments& a) {
  if (const auto rule = a.get("broken"); !rule.empty()) {
    if (!rules_.violation().starts_with(rule)) return fail("not broken: " + rule);
    out_ << rules_.violation() << "\n";
    failure_.clear();
    is_broken_as_expected_ = true;
    return;
  }
  auto* m = at(a);
  if (!m) return;
  const auto& c = m->core();
  constexpr const char* roles[] = {"follower", "pre-candidate", "candidate", "leader"};
  const std::map<std::string, std::string> is{
      {"role", roles[static_cast<int>(c.role_now())]},
      {"term", std::to_string(c.hard().term.value)},
      {"leader", std::to_string(c.leader().value)},
      {"commit", std::to_string(c.commit_index().value)},
      {"last", std::to_string(c.entries().last().value)},
      {"applied", std::to_string(m->state().meta.index.value)},
      {"condemned", c.is_condemned() ? "yes" : "no"},
      {"state", m->state().is_wrong ? "wrong" : "right"}};
  for (const auto& [name, wanted] : a.named) {
    const auto found = is.find(name);
    const auto now = found == is.end() ? "unknown" : found->second;
    if (now != wanted) fail(name + " is " + now + ", expected " + wanted);
  }
}

}  // namespace muster::simulation
