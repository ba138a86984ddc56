#include "tests/simulation/workload.hpp"

namespace muster::simulation {

namespace {

constexpr std::size_t clients = 4;
constexpr std::uint64_t registers = 4;
constexpr std::uint64_t appended_keys = 2;
constexpr std::uint64_t patience_ms = 3'000;

using checkers::kind;
using checkers::outcome_of;

std::string config_key(const std::string& key) { return "user." + key; }

command_body body_of(const checkers::operation& o) {
  if (o.what == kind::write) return set_config{{{config_key(o.key), o.value}}, {}};
  profile p;
  p.name = o.key + "-" + o.value;
  return create_object{p};
}

}  // namespace

workload::workload(cluster& members, schedule& time, chance& random, marks& met, invariants& rules)
    : members_(members), time_(time), random_(random), met_(met), rules_(rules) {}

void workload::start(std::uint64_t pause_ms_max) {
  is_running_ = true;
  pause_ms_max_ = pause_ms_max;
  for (std::size_t i = 0; i < clients; ++i) {
    client_ids_.push_back(next_client_++);
    call_later(i);
  }
}

void workload::ask_only(std::set<member_id> members) {
  only_ = std::move(members);
  writes_done_ = reads_done_ = 0;
  fresh_from_ = time_.next_moment();
}

void workload::call_later(std::size_t client) {
  time_.in(1 + random_.below(pause_ms_max_), [this, client] { next_call(client); });
}

node* workload::pick() {
  std::vector<node*> able;
  for (auto& n : members_.nodes())
    if (n.m.is_up() && !n.is_condemned && (only_.empty() || only_.contains(n.m.id())))
      able.push_back(&n);
  return able.empty() ? nullptr : able[random_.below(able.size())];
}

void workload::next_call(std::size_t client) {
  if (!is_running_) return;
  if (auto* n = pick())
    begin(client, *n);
  else
    call_later(client);
}

void workload::begin(std::size_t client, node& n) {
  checkers::operation o;
  o.client = client_ids_[client];
  const auto draw = random_.below(10);
  const bool appends = draw < 3 || draw == 9;
  o.key = appends ? "a" + std::to_string(random_.below(appended_keys))
                  : "r" + std::to_string(random_.below(registers));
  o.what = draw < 3 ? kind::append : draw < 6 ? kind::write : kind::read;
  if (o.what != kind::read) o.value = "v" + std::to_string(next_value_++);
  o.start = time_.next_moment();
  seen_.push_back(o);
  const call c{seen_.size() - 1, client, rules_.acknowledged_index(), {}};
  const auto id = n.m.id();
  const bool is_read = o.what == kind::read;
  const auto number = is_read ? n.next_tag : n.next_sequence;
  (is_read ? reads_ : writes_)[{id, number}] = c;
  time_.in(patience_ms, [this, client, op = c.op, id, number] { give_up(client, op, id, number); });
  if (is_read)
    members_.read(n);
  else
    members_.write(n, body_of(o));
}

/// An answer that does not come leaves the outcome unknown; the client goes on under another name.
void workload::give_up(std::size_t client, std::size_t op, member_id asked, std::uint64_t number) {
  const bool is_read = seen_[op].what == kind::read;
  auto& open = is_read ? reads_ : writes_;
  const auto at = open.find({asked, number});
  if (at == open.end() || at->second.op != op) return;
  if (!is_read) late_[{asked, number}] = at->second;
  open.erase(at);
  if (!is_read) members_.at(asked).writes.erase(number);
  met_.hit(mark::outcome_unknown);
  client_ids_[client] = next_client_++;
  next_call(client);
}

void workload::end(const call& c, outcome_of outcome) {
  auto& o = seen_[c.op];
  o.end = time_.next_moment();
  o.outcome = outcome;
  if (outcome == outcome_of::ok && o.start >= fresh_from_)
    ++(o.what == kind::read ? reads_done_ : writes_done_);
  call_later(c.client);
}

checkers::past workload::past_of(const saved_state& state, const std::string& key,
                                 std::uint64_t before_id) {
  checkers::past past;
  const auto prefix = key + "-";
  state.rows.each(table::profile, std::nullopt, [&](const object& row) {
    const auto& p = std::get<profile>(row);
    if (p.head.id.value >= before_id) return false;
    if (p.name.starts_with(prefix)) past = past.with(p.name.substr(prefix.size()));
    return true;
  });
  return past;
}

/// The outcome stays unknown to the client; where the append stands helps to check the others.
void workload::settled_late(node& n, const command& c, const outcome& done) {
  const auto at = late_.find({n.m.id(), c.id.sequence});
  if (at == late_.end()) return;
  auto& o = seen_[at->second.op];
  if (done.done && o.what == kind::append)
    o.result = past_of(n.m.state(), o.key, done.id.value).text();
  late_.erase(at);
}

/// A wrong state is found by what entries do to it: what clients hear before is wrong, too.
bool workload::is_trusted(node& n) const {
  return !n.m.state().is_wrong || rules_.does_wrong_prevail();
}

void workload::settled(node& n, const command& c, const outcome& done, log_index index) {
  if (!is_trusted(n)) return;
  const auto at = writes_.find({n.m.id(), c.id.sequence});
  if (at == writes_.end()) return settled_late(n, c, done);
  const auto ended = at->second;
  writes_.erase(at);
  if (!done.done) return end(ended, outcome_of::fail);
  rules_.acknowledged(index);
  auto& o = seen_[ended.op];
  if (o.what == kind::append) o.result = past_of(n.m.state(), o.key, done.id.value).text();
  end(ended, outcome_of::ok);
}

void workload::read_ready(node& n, std::uint64_t tag, log_index index) {
  const auto at = reads_.find({n.m.id(), tag});
  if (at == reads_.end()) return;
  if (!is_trusted(n) || n.is_condemned) return read_refused(n, tag);
  rules_.read(at->second.floor, index);
  at->second.index = index;
  if (n.m.state().meta.index < index) return met_.hit(mark::read_waits_for_apply);
  has_applied(n);
}

void workload::has_applied(node& n) {
  auto at = reads_.lower_bound({n.m.id(), 0});
  while (at != reads_.end() && at->first.first == n.m.id()) {
    if (!at->second.index || *at->second.index > n.m.state().meta.index) {
      ++at;
      continue;
    }
    const auto ended = at->second;
    at = reads_.erase(at);
    if (is_trusted(n))
      answer_read(n, ended);
    else
      end(ended, outcome_of::fail);
  }
}

void workload::answer_read(node& n, const call& c) {
  auto& o = seen_[c.op];
  if (o.key[0] == 'a') {
    o.result = past_of(n.m.state(), o.key, checkers::never).text();
  } else if (const auto config = n.m.state().rows.only<server_config>()) {
    const auto value = config->config.find(config_key(o.key));
    if (value != config->config.end()) o.result = value->second;
  }
  end(c, outcome_of::ok);
}

void workload::read_refused(node& n, std::uint64_t tag) {
  const auto at = reads_.find({n.m.id(), tag});
  if (at == reads_.end()) return;
  const auto ended = at->second;
  reads_.erase(at);
  end(ended, outcome_of::fail);
}

/// Nobody will hear of these calls: writes stay open, reads had no effect.
void workload::went_down(node& n) {
  std::erase_if(late_, [&](const auto& item) { return item.first.first == n.m.id(); });
  for (auto* open : {&writes_, &reads_}) {
    auto at = open->lower_bound({n.m.id(), 0});
    while (at != open->end() && at->first.first == n.m.id()) {
      client_ids_[at->second.client] = next_client_++;
      call_later(at->second.client);
      at = open->erase(at);
    }
  }
}

}  // namespace muster::simulation
