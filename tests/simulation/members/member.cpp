#include "tests/simulation/members/member.hpp"

#include "actors/state/apply.hpp"
#include "actors/state/transaction.hpp"
#include "schemas/codec/codec.hpp"
#include "tests/simulation/members/core_marks.hpp"

namespace muster::simulation {

namespace {

std::uint64_t hash_of(std::string_view bytes) { return std::hash<std::string_view>{}(bytes); }

void mix_changes(std::uint64_t& digest, const row_changes& changes) {
  for (const auto& [key, row] : changes.rows) {
    mix(digest,
        static_cast<std::uint64_t>(key.where) << 56 ^ key.project.value << 32 ^ key.id.value);
    mix(digest, row ? hash_of(codec::encode(*row).bytes()) : 0);
  }
  for (const auto& [key, id] : changes.names) mix(digest, hash_of(key.name) + (id ? id->value : 0));
}

}  // namespace

member::member(member_id id, invariants& rules, marks& met) : id_(id), rules_(rules), met_(met) {
  rules_.add(id_, kept_);
}

status member::start(const raft::settings& with) {
  const auto before = kept_.start();
  auto plan = kept_.load();
  if (!plan.ok()) {
    is_damaged_ = true;
    return plan.error();
  }
  if (plan->log_begins_anew && before.index < kept_.start().index)
    met_.hit(mark::start_finds_newer_state);
  started_ = {started_.value + 1};
  out_ = {};
  is_writing_ = false;
  after_write_.clear();
  written_.reset();
  digests_.clear();
  state_ = *kept_.state();
  if (plan->start.condemned) met_.hit(mark::condemned_start);
  core_ = std::make_unique<raft::core>(with, std::move(plan->start));
  rules_.started(id_, *core_);
  return ok();
}

void member::stop() { core_.reset(); }

void member::step(const raft::input& in) {
  const core_marks before(*core_, in);
  const auto refused_before = out_.refused.size();
  core_->step(in, out_);
  core_->finish(out_);
  rules_.stepped(id_, *core_, in);
  before.compare(*core_, in, out_, refused_before, met_);
}

void member::check_sends(const std::vector<raft::message>& messages) {
  for (const auto& m : messages) rules_.sending(id_, *core_, m);
}

std::vector<raft::message> member::take_sends() {
  auto messages = std::exchange(out_.messages, {});
  check_sends(messages);
  return messages;
}

bool member::begin_write() {
  if (is_writing_ || (!out_.hard && !out_.begins_behind && out_.entries.empty())) return false;
  is_writing_ = true;
  after_write_ = std::exchange(out_.messages_after_durable, {});
  written_.reset();
  if (!out_.entries.empty())
    written_ = raft::durable{out_.entries.back().index, out_.entries.back().term};
  kept_.begin({std::exchange(out_.hard, std::nullopt),
               std::exchange(out_.begins_behind, std::nullopt), std::exchange(out_.entries, {})});
  return true;
}

std::vector<raft::message> member::take_replies() {
  if (is_writing_ || out_.hard || out_.begins_behind || !out_.entries.empty()) return {};
  auto messages = std::exchange(out_.messages_after_durable, {});
  check_sends(messages);
  return messages;
}

std::vector<raft::message> member::take_replies_too_early() {
  auto messages = std::exchange(out_.messages_after_durable, {});
  check_sends(messages);
  return messages;
}

void member::sync_write() {
  kept_.sync();
  rules_.synced(id_);
}

std::vector<raft::message> member::end_write() {
  is_writing_ = false;
  check_sends(after_write_);
  return std::exchange(after_write_, {});
}

void member::tell_durable() {
  if (written_) step(*std::exchange(written_, std::nullopt));
}

void member::apply_one(const raft::entry& e, const own_visitor& see) {
  state::transaction tx(state_.rows, state_.meta.digest);
  tx.begin(e.index, e.stamp_ms);
  if (e.kind == raft::entry_kind::configuration) state_.meta.members = *e.members;
  std::optional<command> c;
  outcome done;
  if (e.kind == raft::entry_kind::command) {
    c = *codec::decode_command(e.payload);
    done = state::apply(tx, *c);
    if (done.done && tx.events().empty()) met_.hit(mark::request_repeated);
    if (done.why.detail.find("has restarted since") != std::string::npos)
      met_.hit(mark::request_of_older_start);
  }
  mix_changes(state_.digest, tx.changes());
  mix(state_.digest, e.index.value << 1 | 1);
  state_.rows.write(tx.changes(), e.index);
  state_.meta.index = e.index;
  state_.meta.term = e.term;
  state_.meta.stamp_ms = e.stamp_ms;
  state_.meta.digest = tx.digest();
  digests_.push_back(tx.digest());
  rules_.applied(id_, e, state_);
  if (c && c->id.member == id_ && c->id.started == started_) see(*c, done, e.index);
}

void member::apply(const std::vector<raft::entry>& entries, const own_visitor& see) {
  if (kept_.is_condemned()) return;
  for (const auto& e : entries) {
    if (e.index <= state_.meta.index) continue;  // a snapshot has come in between
    MUSTER_ENSURE(e.index == state_.meta.index + 1, "committed entries come in order");
    apply_one(e, see);
  }
}

void member::tell_applied() { step(raft::applied{state_.meta.index, std::exchange(digests_, {})}); }

namespace {

/// Of rows that entries go on to write: what differs there shows.
bool change_a_row(saved_state& state, chance& random) {
  row_changes wrong;
  if (auto numbers = state.rows.only<counters>(); numbers && random.one_in(2)) {
    ++(random.one_in(2) ? numbers->next_object : numbers->next_event);
    wrong.rows[key_of(*numbers)] = std::make_shared<const object>(*numbers);
  } else if (auto config = state.rows.only<server_config>()) {
    config->config.insert_or_assign("user.wrong", std::string("x"));
    wrong.rows[key_of(*config)] = std::make_shared<const object>(*config);
  } else {
    return false;
  }
  state.rows.write(wrong, state.meta.index);
  return state.is_wrong = true;
}

}  // namespace

bool member::corrupt(chance& random) {
  if (is_up()) return change_a_row(state_, random);
  auto flushed = *kept_.state();
  if (!change_a_row(flushed, random)) return false;
  kept_.flush(std::make_shared<const saved_state>(std::move(flushed)));
  return true;
}

raft::snapshot_meta member::flush() {
  kept_.flush(std::make_shared<const saved_state>(state_));
  return state_.meta;
}

void member::cut_log(const raft::snapshot_meta& at) {
  step(raft::compact{at});
  kept_.compact(at);
}

bool member::install(std::shared_ptr<const saved_state> state) {
  const bool is_older = state->meta.index < state_.meta.index;
  if (is_older || (!kept_.is_condemned() && state->meta.index == state_.meta.index)) return false;
  if (kept_.is_condemned()) met_.hit(mark::state_replaced);
  if (state->is_wrong && !state_.is_wrong) met_.hit(mark::wrong_state_spread);
  rules_.installed(id_, *state);
  kept_.flush(state);
  kept_.condemn(false);
  digests_.clear();
  state_ = *state;
  return true;
}

void member::tell_installed() { step(raft::snapshot_installed{state_.meta}); }

}  // namespace muster::simulation
