#include "actors/node/recovery/recovery.hpp"

#include "actors/node/member_files.hpp"
#include "actors/node/secrets.hpp"
#include "actors/raft/core/start.hpp"
#include "actors/roles/roles_core.hpp"
#include "schemas/codec/codec.hpp"
#include "storage/log/raft_store.hpp"
#include "storage/rows/state_store.hpp"
#include "storage/snapshots/snapshot_files.hpp"

#include <algorithm>
#include <filesystem>

namespace muster::node {

namespace fs = std::filesystem;

namespace {

/// Both stores of a member that does not run, and how its log goes on.
struct stores {
  std::unique_ptr<storage::raft_store> log;
  std::unique_ptr<storage::state_store> state;
  raft::start_plan plan;
};

result<stores> open_stores(const std::string& data_dir) {
  stores s;
  auto log = storage::raft_store::open(data_dir + "/raft");
  if (!log) return log.error();
  s.log = *std::move(log);
  if (auto prepared = storage::prepare_state(data_dir); !prepared) return prepared.error();
  auto state = storage::state_store::open(storage::state_directory(data_dir), nullptr);
  if (!state) return state.error();
  s.state = *std::move(state);
  auto contents = s.log->take_contents();
  auto plan = raft::plan_start(contents.hard, std::move(contents.start),
                               std::move(contents.entries), s.state->meta());
  if (!plan) return plan.error();
  s.plan = *std::move(plan);
  return s;
}

raft_term last_term_of(const raft::start_state& start) {
  return start.entries.empty() ? start.snapshot.term : start.entries.back().term;
}
log_index last_of(const raft::start_state& start) {
  return start.entries.empty() ? start.snapshot.index : start.entries.back().index;
}

raft::configuration members_of(const raft::start_state& start) {
  for (auto at = start.entries.rbegin(); at != start.entries.rend(); ++at)
    if (at->kind == raft::entry_kind::configuration) return *at->members;
  return start.snapshot.members;
}

status back_up(const std::string& data_dir, const std::string& into) {
  std::error_code failed;
  fs::create_directories(into, failed);
  for (const char* name : {"raft", "state", "identity", "cluster.crt", "cluster.key"}) {
    if (failed || !fs::exists(data_dir + "/" + name)) continue;
    fs::copy(data_dir + "/" + name, into + "/" + name,
             fs::copy_options::recursive | fs::copy_options::overwrite_existing, failed);
  }
  if (failed) return fail(errc::refused, "cannot keep a copy in " + into + ": " + failed.message());
  return storage::sync_directory(into);
}

/// The only voter is this member; the others are spares until they are back.
raft::configuration survivor_only(const raft::configuration& now, member_id survivor) {
  raft::configuration next;
  next.voters = {survivor};
  for (const auto* set : {&now.voters, &now.outgoing, &now.standbys, &now.spares})
    for (const auto id : *set)
      if (id != survivor) next.spares.push_back(id);
  std::sort(next.spares.begin(), next.spares.end());
  next.spares.erase(std::unique(next.spares.begin(), next.spares.end()), next.spares.end());
  return next;
}

result<std::vector<member_id>> ids_of(const offline_view& here,
                                      const std::vector<std::string>& names) {
  std::vector<member_id> ids;
  for (const auto& name : names) {
    const auto at = std::find_if(here.all.begin(), here.all.end(),
                                 [&](const offline_member& m) { return m.name == name; });
    if (at == here.all.end()) return fail(errc::not_found, "there is no member named " + name);
    if (at->id == here.who.member)
      return fail(errc::bad_request, name + " is this member: it is not dead");
    ids.push_back(at->id);
  }
  return ids;
}

/// What takes the log over into the new epoch.
std::vector<raft::entry> first_entries(const offline_view& here, const storage::identity& who,
                                       std::vector<member_id> dead, std::uint64_t stamp_ms) {
  raft::entry change;
  change.term = {here.last_term.value + 1};
  change.index = here.last + 1;
  change.kind = raft::entry_kind::configuration;
  change.stamp_ms = stamp_ms;
  change.members =
      std::make_shared<const raft::configuration>(survivor_only(here.members, who.member));
  raft::entry tell = change;
  tell.index = change.index + 1;
  tell.kind = raft::entry_kind::command;
  tell.members = nullptr;
  command c;
  c.id = {who.member, who.started, 1};
  c.trace = "recover";
  c.body = recover_cluster{who.epoch_counter, who.epoch_random, who.member, std::move(dead)};
  tell.payload = codec::encode(c);
  return {std::move(change), std::move(tell)};
}

std::uint64_t last_stamp_of(const raft::start_state& start) {
  return start.entries.empty() ? start.snapshot.stamp_ms : start.entries.back().stamp_ms;
}

}  // namespace

result<offline_view> look_offline(const std::string& data_dir) {
  if (is_running(data_dir)) return fail(errc::busy, "The daemon is running, please stop it first.");
  auto who = find_identity(data_dir);
  if (!who) return who.error();
  if (!*who) return fail(errc::not_found, data_dir + " holds no member");
  auto s = open_stores(data_dir);
  if (!s) return s.error();
  offline_view view;
  view.who = **who;
  const auto& start = s->plan.start;
  view.last_term = last_term_of(start);
  view.last = last_of(start);
  view.applied = start.applied;
  view.members = members_of(start);
  view.edited = load_edited(data_dir);
  for (const auto& m : s->state->view()->all<member>())
    view.all.push_back({m.id(), m.name, address_of(m, view.edited), m.fingerprint,
                        roles::role_name(view.members, m.id())});
  return view;
}

std::optional<failure> why_not_recover(const offline_view& here,
                                       const std::vector<reached_member>& reached) {
  const auto is_reached = [&](const offline_member& m) {
    return m.id == here.who.member ||
           std::any_of(reached.begin(), reached.end(),
                       [&](const reached_member& r) { return r.name == m.name; });
  };
  std::string names;
  std::size_t voters = 0;
  for (const auto& m : here.all) {
    if (m.role != "voter" || !is_reached(m)) continue;
    ++voters;
    names += (names.empty() ? "" : ", ") + m.name;
  }
  if (voters * 2 > here.members.voters.size())
    return fail(errc::refused, "a quorum of the voters can be reached (" + names +
                                   "): nothing has to be recovered. Start this member as it is");
  for (const auto& r : reached) {
    if (r.role == "leader")
      return fail(errc::refused, r.name + " leads: nothing has to be recovered");
    if (std::pair(r.last_term, r.last) > std::pair(here.last_term, here.last))
      return fail(errc::refused, r.name + " has a newer log (term " +
                                     std::to_string(r.last_term.value) + ", index " +
                                     std::to_string(r.last.value) + "): stop it and recover there");
  }
  return std::nullopt;
}

result<std::uint64_t> recover(const std::string& data_dir, const offline_view& here,
                              const std::vector<std::string>& dead) {
  auto ids = ids_of(here, dead);
  if (!ids) return ids.error();
  auto who = here.who;
  ++who.started.value;  // the command below is its only write
  ++who.epoch_counter;
  who.epoch_random = random_number();
  const auto kept = data_dir + "/before-recover-" + std::to_string(who.epoch_counter);
  if (auto copied = back_up(data_dir, kept); !copied) return copied.error();
  // The epoch comes first: should the rest not be done, nobody follows this member, and it is done
  // again.
  if (auto stored = storage::store_identity(data_dir + "/identity", who); !stored)
    return stored.error();
  auto s = open_stores(data_dir);
  if (!s) return s.error();
  const auto& start = s->plan.start;
  if (last_of(start) != here.last)
    return fail(errc::conflict, "the member has run meanwhile; look again");
  if (s->plan.log_begins_anew)
    if (auto begun = s->log->write(std::nullopt, start.snapshot, {}); !begun) return begun.error();
  raft::hard_state hard = start.hard;
  hard.term = {std::max(hard.term.value, here.last_term.value) + 1};
  hard.vote = {};
  auto entries = first_entries(here, who, *std::move(ids), last_stamp_of(start));
  for (auto& e : entries) e.term = hard.term;
  if (auto written = s->log->write(hard, std::nullopt, entries); !written) return written.error();
  return who.epoch_counter;
}

}  // namespace muster::node
