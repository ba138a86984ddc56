#include "tests/simulation/scenario/scenario.hpp"

#include "tests/simulation/members/describe.hpp"

namespace muster::simulation {

std::string scenario::arguments::get(const std::string& name) const {
  const auto at = named.find(name);
  return at == named.end() ? std::string() : at->second;
}

member_id scenario::arguments::id(std::size_t at) const {
  return {at < words.size() ? std::strtoull(words[at].c_str(), nullptr, 10) : 0};
}

const std::map<std::string, scenario::verb>& scenario::verbs() {
  static const std::map<std::string, verb> all{
      {"members", &scenario::do_members},     {"tick", &scenario::do_tick},
      {"campaign", &scenario::do_campaign},   {"elect", &scenario::do_elect},
      {"deliver", &scenario::do_deliver},     {"drop", &scenario::do_drop},
      {"partition", &scenario::do_partition}, {"cut", &scenario::do_cut},
      {"heal", &scenario::do_heal},           {"hold", &scenario::do_hold},
      {"sync", &scenario::do_sync},           {"crash", &scenario::do_crash},
      {"restart", &scenario::do_restart},     {"wipe", &scenario::do_wipe},
      {"propose", &scenario::do_propose},     {"read", &scenario::do_read},
      {"change", &scenario::do_change},       {"transfer", &scenario::do_transfer},
      {"compact", &scenario::do_compact},     {"fetch", &scenario::do_fetch},
      {"link-down", &scenario::do_link_down}, {"link-up", &scenario::do_link_up},
      {"corrupt", &scenario::do_corrupt},     {"settle", &scenario::do_settle},
      {"status", &scenario::do_status},       {"log", &scenario::do_log},
      {"expect", &scenario::do_expect}};
  return all;
}

std::string scenario::run(const std::string& line) {
  out_.str({});
  std::istringstream in(line);
  std::string name;
  in >> name;
  arguments a;
  for (std::string word; in >> word;) {
    const auto equals = word.find('=');
    if (equals == std::string::npos)
      a.words.push_back(word);
    else
      a.named[word.substr(0, equals)] = word.substr(equals + 1);
  }
  const auto found = verbs().find(name);
  if (found == verbs().end())
    fail("there is no verb \"" + name + "\"");
  else
    (this->*found->second)(a);
  if (failure_.empty() && !rules_.violation().empty() && !is_broken_as_expected_)
    fail(rules_.violation());
  return out_.str();
}

void scenario::fail(const std::string& what) {
  if (failure_.empty()) failure_ = what;
  out_ << "FAILED " << what << "\n";
}

member* scenario::find(member_id id) {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : found->second.get();
}

member* scenario::at(const arguments& a, std::size_t word) {
  auto* m = find(a.id(word));
  if (m && m->is_up()) return m;
  fail("no such member runs");
  return nullptr;
}

void scenario::start(member& m) {
  raft::settings with;
  with.self = m.id();
  with.seed = ++starts_;
  with.append_bytes_max = append_bytes_max_;
  if (const auto started = m.start(with); !started) return fail(started.error().detail);
  show(m);
}

/// A line when a member's role, term, log or commit has changed.
void scenario::show(member& m) {
  if (!m.is_up() || is_quiet_) return;
  const auto now = describe(m.core());
  if (std::exchange(shown_[m.id()], now) != now)
    out_ << "  " << m.id().value << ": " << now << "\n";
}

void scenario::step(member& m, const raft::input& in) {
  const bool was_condemned = m.core().is_condemned();
  m.step(in);
  if (m.core().is_condemned() && !was_condemned) m.condemn();
  drive(m);
  show(m);
}

/// The order of the real driver. A held disk keeps its write, and what waits for it, until "sync".
void scenario::drive(member& m) {
  for (bool moved = true; moved;) {
    for (const auto& message : m.take_sends()) send(message);
    moved = m.begin_write();
    if (m.is_writing() && !held_.contains(m.id())) {
      m.sync_write();
      for (const auto& message : m.end_write()) send(message);
      m.tell_durable();
      moved = true;
    }
    for (const auto& message : m.take_replies()) send(message);
    if (const auto committed = m.take_committed(); !committed.empty()) {
      apply(m, committed);
      moved = true;
    }
    answer(m);
  }
}

void scenario::apply(member& m, const std::vector<raft::entry>& committed) {
  m.apply(committed, [](const command&, const outcome&, log_index) {});
  std::erase_if(proposed_[m.id()], [&](const proposal& p) {
    if (p.index > m.state().meta.index) return false;
    const bool is_it = p.index >= committed.front().index && p.index <= committed.back().index &&
                       committed[p.index.value - committed.front().index.value].term == p.term;
    out_ << "  " << m.id().value << " " << (is_it ? "acknowledges " : "has lost ") << p.value
         << "\n";
    if (is_it) rules_.acknowledged(p.index);
    return true;
  });
  m.tell_applied();
}

void scenario::answer(member& m) {
  auto& out = m.out();
  for (const auto& r : std::exchange(out.accepted, {}))
    for (auto& p : proposed_[m.id()])
      if (!p.index) p.index = r.index, p.term = r.term;
  for (const auto& r : std::exchange(out.refused, {})) {
    out_ << "  " << m.id().value << " refuses: " << r.why.detail << "\n";
    std::erase_if(proposed_[m.id()], [](const proposal& p) { return !p.index; });
  }
  for (const auto& r : std::exchange(out.reads, {})) {
    rules_.read(reads_[{m.id(), r.tag}], r.index);
    out_ << "  " << m.id().value << " may read as of " << r.index.value << "\n";
  }
  for (const auto& r : std::exchange(out.reads_refused, {}))
    out_ << "  " << m.id().value << " refuses to read: " << r.why.detail << "\n";
  if (out.fetch_snapshot)
    out_ << "  " << m.id().value << " wants snapshot " << out.fetch_snapshot->index.value << "\n";
  out.fetch_snapshot.reset();
}

void scenario::send(const raft::message& m) {
  if (cut_.contains({m.from, m.to}) || !members_.contains(m.to)) return;
  flying_.push_back(m);
}

void scenario::deliver(const raft::message& m) {
  auto* to = find(m.to);
  const bool arrives = to && to->is_up();
  if (!is_quiet_) out_ << describe(m) << (arrives ? "" : " (is down)") << "\n";
  if (arrives) step(*to, raft::received{m});
}

bool scenario::fits(const raft::message& m, const arguments& a) const {
  const auto is_one_of = [](const std::string& list, member_id id) {
    return list.empty() ||
           ("," + list + ",").find("," + std::to_string(id.value) + ",") != std::string::npos;
  };
  if (!is_one_of(a.get("from"), m.from) || !is_one_of(a.get("to"), m.to)) return false;
  const auto only = a.get("only");
  return only.empty() || describe(m).find(" " + only) != std::string::npos;
}

}  // namespace muster::simulation
