#include "actors/instances/running.hpp"
#include "actors/node/node.hpp"
#include "schemas/basic/fault_point.hpp"
#include "schemas/basic/limits.hpp"

#include <thread>

/// A server that is taken out of its cluster: what it is told, and how it becomes empty.
namespace muster::node {

namespace {

constexpr const char* forced_header = "x-muster-removed";

}  // namespace

// --- the cluster's side

std::optional<removal_notice> node::notice_for(const std::string& fingerprint, member_id id) const {
  auto r = now();
  if (!r) return std::nullopt;
  const auto gone = (*r)->view()->row<removed_member>({}, {id.value});
  if (!gone || gone->fingerprint != fingerprint) return std::nullopt;
  auto when = rfc3339(gone->head.created_ms).substr(0, 19);
  when[10] = ' ';
  return removal_notice{"The member \"" + gone->name + "\" was removed from the cluster on " +
                            when + " UTC by " + (gone->by.empty() ? "the cluster" : gone->by),
                        gone->forced};
}

/// Whether the change of members has reached the end: from then on it is not needed any more.
bool node::is_out(member_id id) const {
  auto r = now();
  return r && !(*r)->view()->row<member>({}, {id.value}) && !(*r)->is_in_configuration(id);
}

void node::tell_removed(const member& gone) const {
  const auto notice = notice_for(gone.fingerprint, gone.id());
  if (!notice) return;
  const auto deadline = clock::now() + limits::dial_deadline;
  auto stream = dial_member(gone.address, gone.fingerprint, deadline);
  if (!stream) return;  // it asks by itself when it is back
  tls::http_request ask;
  ask.method = "POST";
  ask.target = "/internal/cluster/removed";
  ask.headers[forced_header] = notice->forced ? "forced" : "empty";
  ask.body = notice->text;
  (void)tls::ask(**stream, ask, {deadline, 4096, {}}).ok();
}

// --- the removed server's side

std::optional<std::string> node::why_removed() const {
  const std::lock_guard guard(removed_lock_);
  if (!removed_) return std::nullopt;
  return removed_->text + ". This server serves nothing as its member" +
         (removed_->forced
              ? ": stop it, run `muster reset --data-dir " + with_.data_dir +
                    " --yes`, then it is a new empty server and can join with a new token"
              : " and becomes a new empty server now");
}

void node::learn_removal(const removal_notice& notice) {
  {
    const std::lock_guard guard(removed_lock_);
    if (removed_) return;
    removed_ = notice;
    is_removed_ = true;
  }
  (void)store_removed(with_.data_dir, notice).ok();
  with_.log(*why_removed());
  if (notice.forced) return;
  const std::lock_guard guard(removed_lock_);
  if (resetting_.joinable()) resetting_.join();  // an earlier one, which has ended
  resetting_ = std::thread([this] { reset(); });
}

/// By its own log: it was there until the end.
void node::look_for_own_removal() {
  auto r = now();
  if (!r || !is_out((*r)->who().member)) return;
  if (auto notice = notice_for(*tls::fingerprint_of(own_.certificate), (*r)->who().member))
    learn_removal(*notice);
}

/// Asks a member to dial this one. One that does not let it in may say that it was taken out. Gives
/// the HTTP status; 0: no answer.
int node::knock(const link::peer& at) {
  const auto deadline = clock::now() + limits::dial_deadline;
  auto stream = dial_member(at.address, at.fingerprint, deadline);
  if (!stream) return 0;
  tls::http_request ask;
  ask.method = "POST";
  ask.target = "/internal/knock";
  ask.headers["X-Muster-Member"] = std::to_string(self().value);
  auto answer = tls::ask(**stream, ask, {deadline, 4096, {}});
  if (!answer) return 0;
  if (answer->status == 410)
    learn_removal({answer->body, answer->headers[forced_header] != "empty"});
  return answer->status;
}

void node::reset() {
  const std::lock_guard one_at_a_time(join_lock_);
  if (stopping_) return;
  fault_point("reset.before_stop");
  if (const auto running = instances::running_in(with_.data_dir); !running.empty()) {
    with_.log("containers still run here: " + instances::names_of(running));
    {
      const std::lock_guard guard(removed_lock_);
      removed_->forced = true;
      (void)store_removed(with_.data_dir, *removed_).ok();
    }
    return with_.log(*why_removed());
  }
  end_runtime();
  auto done = put_aside(with_.data_dir, aside::membership);
  if (done) done = begin_new(false);
  if (done) done = load_certificates();
  if (done) done = run_member();
  if (done) done = ensure_bootstrapped(false);
  if (!done) with_.stop_member(done.error());  // the next start goes on from here
  {
    const std::lock_guard guard(removed_lock_);
    removed_.reset();
    is_removed_ = false;
  }
  with_.log("this server is empty and stands alone now; its old state is kept in " +
            with_.data_dir + "/before-reset");
}

}  // namespace muster::node
