#include "tests/simulation/checker.hpp"

#include "schemas/codec.hpp"

namespace muster::simulation {

namespace {

constexpr std::uint64_t state_checked_every = 32;

std::string text(std::uint64_t n) { return std::to_string(n); }

std::size_t fingerprint(const storage::map_view& state) {
  std::size_t all = 0;
  for (const auto& [key, row] : state.rows()) {
    const auto bytes = codec::encode(row);
    all = all * 1099511628211ULL ^ std::hash<std::string_view>{}(bytes.bytes());
  }
  return all;
}

}  // namespace

void checker::fail(const std::string& what) {
  if (violation_.empty()) violation_ = what;
}

void checker::saw_leader(member_id who, raft_term term) {
  const auto [at, is_new] = leaders_.try_emplace(term, who);
  if (at->second != who)
    fail("two leaders of term " + text(term.value) + ": " + text(at->second.value) + " and " +
         text(who.value));
}

void checker::saw_new_leader(const raft::core& leader) {
  for (const auto& [index, e] : committed_)
    if (index > leader.entries().start().index && leader.entries().term_at(index) != e.term)
      return fail("a new leader lacks committed entry " + text(index.value));
}

void checker::saw_commit(member_id who, const raft::entry& e) {
  const auto [at, is_new] = committed_.try_emplace(e.index, e);
  if (!(at->second == e))
    fail("member " + text(who.value) + " commits another entry at " + text(e.index.value));
}

void checker::saw_state(member_id who, const storage::map_view& state) {
  if (state.applied().value % state_checked_every != 0) return;  // the whole state is read for it
  const auto print = fingerprint(state);
  const auto [at, is_new] = states_.try_emplace(state.applied(), print);
  if (at->second != print)
    fail("member " + text(who.value) + " has other rows after " + text(state.applied().value));
}

void checker::saw_durable(member_id who, const raft::hard_state& hard) {
  auto& before = hard_[who];
  if (hard.term < before.term) fail("the term of " + text(who.value) + " fell");
  if (hard.term == before.term && before.vote && hard.vote != before.vote)
    fail("member " + text(who.value) + " voted twice in term " + text(hard.term.value));
  before = hard;
}

void checker::saw_acknowledged(const std::string& name, log_index at) {
  names_.insert(name);
  acknowledged_ = std::max(acknowledged_, at);
}

void checker::saw_read(log_index floor, log_index index) {
  if (index < floor)
    fail("a read saw " + text(index.value) + " after " + text(floor.value) + " was acknowledged");
}

void checker::finish(const storage::map_view& state) {
  std::map<std::string, int> found;
  state.each(table::profile, std::nullopt, [&](const object& o) {
    ++found[std::get<profile>(o).name];
    return true;
  });
  for (const auto& name : names_)
    if (!found.contains(name)) return fail("acknowledged write " + name + " is lost");
  for (const auto& [name, count] : found)
    if (count > 1 && name != "default")
      return fail(name + " is there " + text(static_cast<std::uint64_t>(count)) + " times");
}

}  // namespace muster::simulation
