#include "tests/simulation/members/describe.hpp"

#include "schemas/codec/codec.hpp"

namespace muster::simulation {

namespace {

using std::to_string;

template <class Tag>
std::string text(strong<std::uint64_t, Tag> n) {
  return to_string(n.value);
}

std::string text(const std::vector<member_id>& ids) {
  std::string all;
  for (const auto id : ids) all += (all.empty() ? "" : ",") + text(id);
  return all;
}

/// "INDEX/TERM", as in a log that is drawn.
std::string place(log_index i, raft_term t) { return text(i) + "/" + text(t); }

struct body_text {
  std::string operator()(const raft::vote_request& b) const {
    return std::string(b.is_pre ? "pre-vote?" : "vote?") + (b.disruptive ? " handed over" : "") +
           " log " + place(b.last_index, b.last_term);
  }
  std::string operator()(const raft::vote_response& b) const {
    return std::string(b.is_pre ? "pre-vote " : "vote ") + (b.granted ? "yes" : "no");
  }
  std::string operator()(const raft::append_request& b) const {
    std::string all =
        "append behind " + place(b.previous_index, b.previous_term) + " commit " + text(b.commit);
    for (const auto& e : b.entries) all += " [" + describe(e) + "]";
    return all;
  }
  std::string operator()(const raft::append_response& b) const {
    if (!b.rejected) return "appended up to " + text(b.match);
    return "append refused at " + text(b.rejected_at) + " hint " + place(b.hint_index, b.hint_term);
  }
  std::string operator()(const raft::heartbeat& b) const {
    const auto all = "heartbeat commit " + text(b.commit) + " round " + to_string(b.read_round);
    return b.condemned.digest == 0 ? all : all + " differs at " + text(b.condemned.index);
  }
  std::string operator()(const raft::heartbeat_response& b) const {
    return "heard round " + to_string(b.read_round);
  }
  std::string operator()(const raft::read_request&) const { return "read?"; }
  std::string operator()(const raft::read_response& b) const {
    return b.refused ? "read refused" : "read as of " + text(b.index);
  }
  std::string operator()(const raft::snapshot_offer& b) const {
    return "snapshot " + place(b.meta.index, b.meta.term);
  }
  std::string operator()(const raft::timeout_now&) const { return "campaign now"; }
};

struct input_text {
  std::string operator()(const raft::tick&) const { return "tick"; }
  std::string operator()(const raft::received& r) const { return describe(r.msg); }
  std::string operator()(const raft::propose&) const { return "propose"; }
  std::string operator()(const raft::change_members& c) const {
    return "change to " + describe(c.target);
  }
  std::string operator()(const raft::read&) const { return "read"; }
  std::string operator()(const raft::transfer& t) const { return "hand over to " + text(t.to); }
  std::string operator()(const raft::durable& d) const {
    return "durable " + place(d.index, d.term);
  }
  std::string operator()(const raft::applied& a) const { return "applied " + text(a.index); }
  std::string operator()(const raft::link_down& l) const { return "link down to " + text(l.peer); }
  std::string operator()(const raft::link_up& l) const { return "link up to " + text(l.peer); }
  std::string operator()(const raft::snapshot_installed& s) const {
    return "installed " + place(s.meta.index, s.meta.term);
  }
  std::string operator()(const raft::compact& c) const { return "compact " + text(c.meta.index); }
};

}  // namespace

std::string describe(const raft::configuration& c) {
  std::string all = "voters {" + text(c.voters) + "}";
  if (c.is_joint()) all += " outgoing {" + text(c.outgoing) + "}";
  if (!c.standbys.empty()) all += " standbys {" + text(c.standbys) + "}";
  if (!c.spares.empty()) all += " spares {" + text(c.spares) + "}";
  return all;
}

std::string describe(const raft::entry& e) {
  const auto at = place(e.index, e.term) + " ";
  if (e.kind == raft::entry_kind::noop) return at + "noop";
  if (e.kind == raft::entry_kind::configuration) return at + describe(*e.members);
  const auto c = codec::decode_command(e.payload);
  const auto* change = c.ok() ? std::get_if<set_config>(&c->body) : nullptr;
  if (!change || change->changes.empty()) return at + "command";
  return at + change->changes.begin()->second;
}

std::string describe(const raft::message& m) {
  return text(m.from) + "->" + text(m.to) + " term " + text(m.term) + " " +
         std::visit(body_text{}, m.body);
}

std::string describe(const raft::input& in) { return std::visit(input_text{}, in); }

std::string describe(const raft::core& c) {
  const auto& log = c.entries();
  constexpr const char* names[] = {"follower", "pre-candidate", "candidate", "leader"};
  return std::string(names[static_cast<int>(c.role_now())]) + " term " + text(c.hard().term) +
         " vote " + text(c.hard().vote) + " leader " + text(c.leader()) + " log " +
         text(log.start().index) + ".." + place(log.last(), log.last_term()) + " commit " +
         text(c.commit_index()) + (c.is_condemned() ? " condemned" : "");
}

}  // namespace muster::simulation
