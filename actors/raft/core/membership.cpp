#include "actors/raft/core/raft_core.hpp"

#include <algorithm>

namespace muster::raft {

/// A configuration counts as soon as it is in the log, and no longer once it is cut off (Raft §6).
void core::use_members() {
  std::tie(members_, members_index_) = log_.members();
  if (role_ == role::leader) sync_progress();
}

void core::sync_progress() {
  const auto all = all_of(members_);
  std::erase_if(progress_, [&](const auto& item) {
    return !std::binary_search(all.begin(), all.end(), item.first);
  });
  for (const auto id : all) {
    if (id == with_.self || progress_.contains(id)) continue;
    progress p;
    p.next = log_.last() + 1;
    progress_[id] = std::move(p);
  }
}

std::optional<failure> core::why_not(const configuration& target) const {
  if (role_ != role::leader) return fail(errc::not_leader, "only the leader changes membership");
  if (target.voters.empty() || target.is_joint())
    return fail(errc::bad_request, "a configuration has voters and no outgoing set");
  if (members_.is_joint() || members_index_ > commit_)
    return fail(errc::busy, "a membership change is under way");
  if (!has_committed_in_term())
    return fail(errc::busy, "the leader has not committed an entry of its term yet");
  const auto is_wrong = [&](member_id id) {
    const auto p = progress_.find(id);
    return id == with_.self ? condemned_ : p != progress_.end() && p->second.is_condemned;
  };
  if (std::all_of(target.voters.begin(), target.voters.end(), is_wrong))
    return fail(errc::busy, "none of the voters would have a right state");
  for (const auto id : target.voters) {
    if (is_voter(members_, id) || id == with_.self) continue;
    const auto p = progress_.find(id);
    if (p == progress_.end() || p->second.match < commit_)  // thesis §4.2.1
      return fail(errc::busy, "member " + std::to_string(id.value) +
                                  " has not caught up yet and cannot become a voter");
  }
  return std::nullopt;
}

/// Joint consensus from the start: old and new voters decide together until this entry commits
/// (Raft §6).
void core::on(const change_members& c, output& out) {
  if (auto why = why_not(c.target)) {
    out.refused.push_back({c.tag, *std::move(why)});
    return;
  }
  auto joint = c.target;
  joint.outgoing = members_.voters;
  entry e;
  e.kind = entry_kind::configuration;
  e.members = std::make_shared<const configuration>(std::move(joint));
  append_own(std::move(e), out);
  out.accepted.push_back({c.tag, log_.last(), hard_.term});
  use_members();
}

void core::after_commit_of_members(output& out) {
  if (members_index_ > commit_) return;
  if (members_.is_joint()) {
    auto final_set = members_;
    final_set.outgoing.clear();
    entry e;
    e.kind = entry_kind::configuration;
    e.members = std::make_shared<const configuration>(std::move(final_set));
    append_own(std::move(e), out);
    return use_members();
  }
  // A leader that is no longer a voter has led until its successor set was committed (Raft §6).
  if (is_voter(members_, with_.self)) return;
  finish(out);
  become_follower(hard_.term, {}, out);
}

}  // namespace muster::raft
