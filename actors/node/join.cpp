#include "actors/node/node.hpp"
#include "actors/node/secrets.hpp"
#include "schemas/basic/fault_point.hpp"
#include "schemas/basic/limits.hpp"
#include "storage/disk/sha256.hpp"

#include <thread>

namespace muster::node {

namespace {

constexpr auto join_time_max = std::chrono::seconds(30);

/// A token, or the member that has joined with it and asks again.
bool knows_token(const state_view& s, token_kind kind, const std::string& hash) {
  bool found = false;
  s.each(table::token, std::nullopt, [&](const object& o) {
    const auto& t = std::get<token>(o);
    found = t.kind == kind && t.secret_hash == hash;
    return !found;
  });
  if (kind == token_kind::join && !found)
    for (const auto& m : s.all<member>()) found = found || m.join_secret_hash == hash;
  return found;
}

/// The hash of the secret that a certificate has presented before; empty: none.
std::string claimed_hash(const state_view& s, const std::string& fingerprint) {
  std::string hash;
  for (const auto& t : s.all<token>())
    if (t.kind == token_kind::join && t.claimed_by == fingerprint) hash = t.secret_hash;
  for (const auto& m : s.all<member>())
    if (m.fingerprint == fingerprint) hash = m.join_secret_hash;
  return hash;
}

}  // namespace

status node::expect_token(token_kind kind, const std::string& secret_hash) {
  if (knows_token(*local_view(), kind, secret_hash)) return ok();
  if (!strangers_.take()) return fail(errc::busy, "too many unknown tokens were tried; try again");
  auto state = read(freshness::strict);
  if (!state) return state.error();
  if (knows_token(*state->state, kind, secret_hash)) return ok();
  return fail(errc::forbidden, kind == token_kind::join
                                   ? "No matching cluster join operation found"
                                   : "No matching certificate add operation found");
}

// --- the cluster's side

result<codec::join_accepted> node::accept_join(const codec::join_request& asked,
                                               const std::string& certificate,
                                               const std::string& fingerprint,
                                               const std::string& address) {
  if (!is_clustered()) return fail(errc::bad_request, "This server is not clustered");
  if (fingerprint.empty()) return fail(errc::forbidden, "not authorized");
  join_member b;
  if (!asked.secret.empty()) {
    b.secret_hash = sha256_hex(asked.secret);
    if (auto known = expect_token(token_kind::join, b.secret_hash); !known) return known.error();
  } else {  // the client has presented the token before, for this certificate
    b.secret_hash = claimed_hash(*local_view(), fingerprint);
    if (b.secret_hash.empty()) {
      if (!strangers_.take())
        return fail(errc::busy, "too many unknown certificates were tried; try again");
      auto state = read(freshness::strict);
      if (!state) return state.error();
      b.secret_hash = claimed_hash(*state->state, fingerprint);
    }
    if (b.secret_hash.empty()) return fail(errc::forbidden, "not authorized");
  }
  b.value.name = asked.name;
  b.value.address = asked.address;
  b.value.architecture = asked.architecture;
  b.value.certificate = certificate;
  b.value.fingerprint = fingerprint;
  b.config = asked.member_config;
  fault_point("accept.before_write");
  auto joined = write(b, {fingerprint, "tls", address}, "join " + asked.name,
                      clock::now() + limits::write_deadline);
  if (!joined) return joined.error();
  fault_point("accept.after_write");
  auto r = now();
  if (!r) return r.error();
  codec::join_accepted accepted;
  accepted.member = {joined->id.value};
  accepted.cluster_uuid = (*r)->who().cluster_uuid;
  accepted.epoch_counter = (*r)->who().epoch_counter;
  accepted.epoch_random = (*r)->who().epoch_random;
  const auto shown = shown_pair();
  accepted.certificate = shown.certificate;
  accepted.key = shown.key;
  for (const auto& m : (*r)->view()->all<member>())
    if (m.id() != accepted.member)
      accepted.peers.push_back({m.id(), m.name, m.address, m.fingerprint});
  return accepted;
}

status node::enable(const std::string& name, const requestor& who, const std::string& trace) {
  if (is_clustered()) return fail(errc::bad_request, "This server is already clustered");
  if (address().empty())
    return fail(errc::refused, "No cluster.https_address config is set on this member");
  if (auto good = check_reachable(); !good) return good;
  auto pair = tls::load_or_make(with_.data_dir, "cluster", name);
  if (!pair) return pair.error();
  auto done = write(enable_cluster{name, address(), pair->certificate}, who, trace,
                    clock::now() + limits::write_deadline);
  if (!done) return done.error();
  return load_certificates();
}

// --- the joiner's side

status node::join(const join_intent& intent) {
  const std::lock_guard one_at_a_time(join_lock_);
  if (is_clustered()) return fail(errc::bad_request, "This server is already clustered");
  if (!local_view()->all<instance>().empty() || !local_view()->all<image>().empty())
    return fail(errc::bad_request,
                "this server has instances or images of its own: a server that joins a cluster "
                "must be empty");
  auto token = decode_join_token(intent.token);
  if (!token) return token.error();
  if (token->server_name != intent.name)
    return fail(errc::bad_request, "The join token was made for a member named \"" +
                                       token->server_name + "\", not \"" + intent.name + "\"");
  if (intent.address.empty())
    return fail(errc::bad_request, "No server address provided for this member");
  if (auto good = check_reachable(); !good) return good;
  if (auto stored = store_intent(with_.data_dir, intent); !stored) return stored;
  fault_point("join.after_intent");
  auto asked = ask_to_join(intent, *token);
  if (!asked) {
    // Unknown: it may have been committed; the next start asks again and finds out.
    if (asked.error().code != errc::unknown_outcome) forget_intent(with_.data_dir);
    return asked;
  }
  auto accepted = load_accepted(with_.data_dir);
  MUSTER_ENSURE(accepted.has_value(), "what was accepted was stored");
  return take_over(*accepted);
}

/// Any member of the cluster will do; the first that answers decides.
status node::ask_to_join(const join_intent& intent, const join_token& token) {
  codec::join_request request{intent.name, intent.address, machine(), token.secret, intent.config};
  failure last = fail(errc::unavailable, "no member of the cluster could be reached");
  for (const auto& address : token.addresses) {
    const auto deadline = clock::now() + limits::dial_deadline + limits::write_deadline;
    tls::dial_options with;
    with.host_port = address;
    with.pinned_fingerprint = token.fingerprint;
    with.own = &own_;
    with.deadline = clock::now() + limits::dial_deadline;
    auto stream = tls::dial(with);
    if (!stream) {
      last = stream.error();
      if (last.code == errc::forbidden)
        last.detail = "Certificate fingerprint mismatch between join token and cluster member";
      continue;
    }
    tls::http_request ask;
    ask.method = "POST";
    ask.target = "/internal/cluster/join";
    ask.headers["Content-Type"] = "application/octet-stream";
    ask.body = std::string(codec::encode(request).bytes());
    auto answer = tls::ask(**stream, ask, {deadline, 1u << 20, {}});
    if (!answer) return answer.error();
    if (answer->status == 504)
      return fail(errc::unknown_outcome, "the cluster does not know yet whether the join happened");
    if (answer->status == 503) {
      last = fail(errc::unavailable,
                  "the cluster cannot take a member now: " + error_text(answer->body));
      continue;
    }
    if (answer->status == 403)
      return fail(errc::forbidden,
                  "Failed to setup cluster trust: Failed to add server cert to cluster: " +
                      error_text(answer->body));
    if (answer->status != 200)
      return fail(errc::refused, "Failed to join cluster: " + error_text(answer->body));
    auto accepted = codec::decode_join_accepted(answer->body);
    if (!accepted) return accepted.error();
    fault_point("join.after_answer");
    return store_accepted(with_.data_dir, *accepted);
  }
  return last;
}

/// Stops the member that runs here and waits until its stores are closed.
void node::end_runtime() {
  std::shared_ptr<runtime> old;
  {
    const std::unique_lock guard(lock_);
    old = std::move(runtime_);
  }
  if (!old) return;
  const auto remains = old->what_remains();
  old->stop();
  old.reset();
  for (int i = 0; i < 2000 && !remains.are_gone(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

status node::take_over(const codec::join_accepted& accepted) {
  fault_point("join.after_accepted");
  end_runtime();
  auto changed = adopt_accepted(with_.data_dir, accepted);
  fault_point("join.after_adopt");
  if (changed) changed = load_certificates();
  if (changed) changed = run_member();
  if (!changed) with_.stop_member(changed.error());  // the next start goes on from here
  fault_point("join.after_run");
  const auto deadline = clock::now() + join_time_max;
  while (clock::now() < deadline) {
    auto r = now();
    if (!r) return r.error();
    if ((*r)->view()->row<member>({}, {accepted.member.value})) {
      finish_join_if_applied();
      return ok();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return fail(errc::timed_out,
              "the join is committed, but this server has not heard of it from the leader yet; it "
              "goes on by itself");
}

void node::finish_join_if_applied() {
  auto r = now();
  if (!r || !load_accepted(with_.data_dir)) return;
  if ((*r)->view()->row<member>({}, {(*r)->who().member.value})) {
    fault_point("join.before_forget");
    forget_join(with_.data_dir);
  }
}

/// A crash came between asking and hearing the answer: ask again until the cluster says yes or no.
void node::resume_join(const join_intent& intent) {
  std::thread([this, intent] {
    while (!stopping_) {
      auto joined = join(intent);
      if (joined || joined.error().code == errc::refused ||
          joined.error().code == errc::bad_request || is_clustered()) {
        with_.log(joined ? "the join was finished" : "the join ended: " + joined.error().detail);
        return;
      }
      (void)store_intent(with_.data_dir, intent).ok();
      for (int i = 0; i < 20 && !stopping_; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }).detach();
}

}  // namespace muster::node
