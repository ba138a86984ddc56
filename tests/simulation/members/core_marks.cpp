#include "tests/simulation/members/core_marks.hpp"

#include <algorithm>

namespace muster::simulation {

namespace {

template <class Body>
bool says(const std::vector<raft::message>& messages, const auto& is_it) {
  return std::any_of(messages.begin(), messages.end(), [&](const raft::message& m) {
    const auto* body = std::get_if<Body>(&m.body);
    return body && is_it(*body);
  });
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

core_marks::core_marks(const raft::core& c, const raft::input&)
    : role_(c.role_now()),
      hard_(c.hard()),
      leader_(c.leader()),
      commit_(c.commit_index()),
      last_(c.entries().last()),
      last_term_(c.entries().last_term()),
      members_(c.members()) {}

void core_marks::compare(const raft::core& c, const raft::input& in, const raft::output& out,
                         std::size_t refused_before, marks& met) const {
  compare_roles(c, in, met);
  if (!(c.members() == members_)) compare_members(c, met);
  if (out.refused.size() > refused_before) compare_refusals(out, refused_before, met);
  if (const auto* r = std::get_if<raft::received>(&in)) compare_message(c, r->msg, out, met);
  if (const auto* d = std::get_if<raft::durable>(&in);
      d && c.entries().term_at(d->index) != d->term)
    met.hit(mark::durable_overwritten);
  if (const auto* s = std::get_if<raft::snapshot_installed>(&in); s && s->meta.index > commit_) {
    met.hit(out.begins_behind ? mark::log_begun_anew : mark::snapshot_kept_tail);
  } else if (s) {
    met.hit(mark::snapshot_came_late);
  }
  if (std::holds_alternative<raft::read>(in)) {
    if (role_ == raft::role::leader && c.entries().term_at(commit_) != hard_.term)
      met.hit(mark::read_waits_for_term);
    if (role_ != raft::role::leader && leader_) met.hit(mark::read_forwarded);
  }
  const auto any = [](const auto&) { return true; };
  if (says<raft::snapshot_offer>(out.messages, any)) met.hit(mark::snapshot_offered);
  if (says<raft::timeout_now>(out.messages, any)) met.hit(mark::transfer_told);
}

void core_marks::compare_roles(const raft::core& c, const raft::input& in, marks& met) const {
  const auto now = c.role_now();
  const bool same_term = c.hard().term == hard_.term;
  if (role_ != raft::role::leader && now == raft::role::leader && c.is_condemned())
    met.hit(mark::condemned_led);
  if (role_ == raft::role::leader && now == raft::role::follower) {
    if (!same_term)
      met.hit(mark::leader_deposed);
    else
      met.hit(std::holds_alternative<raft::tick>(in) ? mark::leader_without_quorum_left
                                                     : mark::leader_not_voter_left);
  }
  if (std::holds_alternative<raft::tick>(in)) {
    if (role_ != raft::role::leader && now == raft::role::leader) met.hit(mark::sole_voter_led);
    if ((role_ == raft::role::candidate || role_ == raft::role::pre_candidate) &&
        now == raft::role::pre_candidate)
      met.hit(mark::candidate_again);
  }
  if (const auto* l = std::get_if<raft::link_down>(&in);
      l && role_ == raft::role::follower && l->peer == leader_)
    met.hit(now == raft::role::follower ? mark::lost_link_waited : mark::lost_link_campaigned);
}

void core_marks::compare_message(const raft::core& c, const raft::message& m,
                                 const raft::output& out, marks& met) const {
  if (const auto* v = std::get_if<raft::vote_request>(&m.body)) {
    const auto refuses = [&](const raft::vote_response& r) {
      return r.is_pre == v->is_pre && !r.granted;
    };
    if (v->is_pre && says<raft::vote_response>(out.messages, refuses))
      met.hit(mark::pre_vote_refused);
    if (!v->is_pre && m.term > hard_.term && c.hard().term == hard_.term)
      met.hit(mark::vote_held_back);
    if (!v->is_pre && says<raft::vote_response>(out.messages_after_durable, refuses))
      met.hit(mark::vote_refused);
    if (!v->is_pre && m.term == hard_.term && hard_.vote == m.from) met.hit(mark::vote_given_again);
  } else if (const auto* a = std::get_if<raft::append_request>(&m.body)) {
    if (m.term < hard_.term)
      met.hit(mark::append_stale_leader);
    else
      compare_append(c, *a, met);
  } else if (std::holds_alternative<raft::heartbeat>(m.body)) {
    if (m.term < hard_.term) met.hit(mark::heartbeat_stale_leader);
  } else if (const auto* r = std::get_if<raft::append_response>(&m.body)) {
    if (r->rejected && m.term == hard_.term) met.hit(mark::append_refused);
    if (!r->rejected && role_ == raft::role::leader && m.term == hard_.term && r->match > commit_ &&
        c.commit_index() == commit_ && c.entries().term_at(r->match) != hard_.term)
      met.hit(mark::old_term_waits);
  } else if (std::holds_alternative<raft::timeout_now>(m.body)) {
    if (c.role_now() == raft::role::candidate) met.hit(mark::transfer_campaigned);
  } else if (const auto* q = std::get_if<raft::read_response>(&m.body)) {
    if (q->refused) met.hit(mark::read_refused_by_leader);
  }
}

void core_marks::compare_append(const raft::core& c, const raft::append_request& a,
                                marks& met) const {
  const auto& log = c.entries();
  if (a.previous_index < commit_ && a.previous_index + a.entries.size() <= commit_)
    met.hit(mark::append_all_committed);
  const auto term = log.term_at(last_);
  if (log.last() < last_ || (term && *term != last_term_)) met.hit(mark::log_truncated);
}

void core_marks::compare_members(const raft::core& c, marks& met) const {
  const auto& now = c.members();
  if (role_ != raft::role::leader) {
    if (c.entries().last() < last_ || c.entries().members().second <= commit_)
      met.hit(mark::members_cut_off);
    return;
  }
  if (now.is_joint()) {
    met.hit(mark::joint_entered);
    const bool keeps = std::includes(now.voters.begin(), now.voters.end(), now.outgoing.begin(),
                                     now.outgoing.end());
    if (!keeps && now.voters.size() == now.outgoing.size()) met.hit(mark::voter_swapped);
  } else if (members_.is_joint()) {
    met.hit(mark::joint_left);
    const auto [joint, at] = c.entries().members();
    const auto& log = c.entries();
    for (auto i = at - 1; i > log.start().index; i = i - 1) {
      if (log.at(i).kind != raft::entry_kind::configuration) continue;
      if (log.at(i).term != hard_.term) met.hit(mark::joint_left_by_another);
      break;
    }
  }
}

void core_marks::compare_refusals(const raft::output& out, std::size_t refused_before,
                                  marks& met) const {
  for (auto i = refused_before; i < out.refused.size(); ++i) {
    const auto& why = out.refused[i].why.detail;
    if (contains(why, "has not caught up")) met.hit(mark::refused_not_caught_up);
    if (contains(why, "change is under way")) met.hit(mark::refused_change_in_flight);
    if (contains(why, "entry of its term yet")) met.hit(mark::refused_too_early);
    if (contains(why, "waits to be committed")) met.hit(mark::refused_uncommitted_bytes);
    if (contains(why, "being handed over")) met.hit(mark::refused_handing_over);
  }
}

}  // namespace muster::simulation
