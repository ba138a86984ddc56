#include "actors/roles/role_keeper.hpp"

#include <algorithm>

namespace muster::roles {

namespace {

constexpr std::uint64_t steady_after_ms = 60'000;
constexpr std::size_t losses_kept = 3;

}  // namespace

void role_keeper::session_changed(member_id id, bool is_up, std::uint64_t now_ms) {
  leaving_.erase(id);
  if (is_up) return;
  auto& when = losses_[id];
  when.push_back(now_ms);
  if (when.size() > losses_kept) when.pop_front();
}

std::vector<member_id> role_keeper::leaving(std::uint64_t now_ms) const {
  std::vector<member_id> all;
  for (const auto& [id, since] : leaving_)
    if (now_ms - since < steady_after_ms) all.push_back(id);
  return all;
}

void role_keeper::planned(const change& c) {
  for (const auto& [id, why] : c.reasons) planned_[id] = {role_name(c.next, id), why};
}

void role_keeper::remember(candidate& c, std::uint64_t now_ms) const {
  const auto since = leaving_.find(c.id);
  c.is_leaving = since != leaving_.end() && now_ms - since->second < steady_after_ms;
  if (const auto at = losses_.find(c.id); at != losses_.end())
    c.losses = static_cast<unsigned>(
        std::count_if(at->second.begin(), at->second.end(),
                      [&](std::uint64_t when) { return now_ms - when < steady_after_ms; }));
}

std::vector<note_roles::change> role_keeper::unnoted(const std::vector<standing>& noted,
                                                     const raft::configuration& now,
                                                     member_id leader, std::uint64_t term) const {
  std::vector<note_roles::change> all;
  for (const auto& m : noted) {
    const std::string role = m.id == leader ? "leader" : role_name(now, m.id);
    if (!role.empty() && role != m.role) all.push_back({m.id, role, reason_of(m, role, term)});
  }
  return all;
}

std::string role_keeper::reason_of(const standing& m, const std::string& role,
                                   std::uint64_t term) const {
  if (role == "leader") return "elected in term " + std::to_string(term);
  if (const auto at = planned_.find(m.id); at != planned_.end() && at->second.first == role)
    return at->second.second;
  if (m.role == "leader") return "another member leads since term " + std::to_string(term);
  return m.role.empty() ? "it has joined" : "an earlier leader decided so";
}

}  // namespace muster::roles
