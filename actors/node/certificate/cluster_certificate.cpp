#include "actors/node/node.hpp"
#include "actors/node/secrets.hpp"
#include "actors/state/spreads/warnings.hpp"
#include "schemas/basic/fault_point.hpp"
#include "schemas/basic/limits.hpp"

#include <filesystem>
#include <thread>

/// A new certificate that clients are shown. Its key goes to the members over their own TLS and is
/// in no log: first each lays it ready, then one command says that it counts.
namespace muster::node {

namespace {

constexpr const char* next_name = "cluster.next";
constexpr const char* path = "/internal/cluster/certificate";
constexpr std::size_t pair_bytes_max = 256u << 10;
constexpr int attempts_max = 5;

/// Key, a zero byte, certificate: PEM holds none.
std::string packed(const tls::pem_pair& pair) { return pair.key + '\0' + pair.certificate; }

tls::http_request request_with(const char* method, std::string body) {
  tls::http_request ask;
  ask.method = method;
  ask.target = path;
  ask.headers["Content-Type"] = "application/octet-stream";
  ask.body = std::move(body);
  return ask;
}

}  // namespace

result<tls::pem_pair> unpack_pair(std::string_view bytes) {
  const auto zero = bytes.find('\0');
  if (zero == std::string_view::npos || bytes.size() > pair_bytes_max)
    return fail(errc::bad_request, "the certificate is damaged");
  tls::pem_pair pair{std::string(bytes.substr(zero + 1)), std::string(bytes.substr(0, zero))};
  if (!tls::is_pair(pair))
    return fail(errc::bad_request, "The private key does not belong to the certificate");
  return pair;
}

std::string node::packed_pair() const { return packed(shown_pair()); }

result<std::string> node::ask_certificate(const member& of, const char* method,
                                          std::string body) const {
  const auto deadline = clock::now() + limits::dial_deadline;
  auto stream = dial_member(of.address, of.fingerprint, deadline);
  if (!stream) return stream.error();
  auto answer =
      tls::ask(**stream, request_with(method, std::move(body)), {deadline, pair_bytes_max, {}});
  if (!answer) return answer.error();
  if (answer->status != 200) return fail(errc::unavailable, answer->body);
  return answer->body;
}

status node::lay_ready(const tls::pem_pair& next) const {
  return tls::store(with_.data_dir, next_name, next);
}

void node::drop_ready() const {
  std::error_code ignored;
  for (const char* end : {".key", ".crt"})
    std::filesystem::remove(with_.data_dir + "/" + next_name + end, ignored);
}

/// On every member, or on none.
status node::lay_ready_everywhere(const tls::pem_pair& next, const std::vector<member>& others) {
  if (auto stored = lay_ready(next); !stored) return stored;
  for (std::size_t i = 0; i < others.size(); ++i) {
    auto laid = ask_certificate(others[i], "PUT", packed(next));
    if (laid) continue;
    for (std::size_t k = 0; k <= i; ++k) (void)ask_certificate(others[k], "DELETE", "").ok();
    drop_ready();
    return fail(errc::unavailable, "Failed to update cluster certificate on member \"" +
                                       others[i].name + "\": " + laid.error().detail +
                                       "; nothing was changed");
  }
  return ok();
}

/// The command, with all tokens as they are now.
status node::commit_certificate(const tls::pem_pair& next, const requestor& who,
                                const std::string& trace) {
  const auto old_key = shown_pair().key;
  failure last;
  for (int i = 0; i < attempts_max; ++i) {
    auto state = read(freshness::strict);
    if (!state) return state.error();
    set_cluster_certificate b;
    b.certificate = next.certificate;
    b.fingerprint = *tls::fingerprint_of(next.certificate);
    b.expected = state->state->only<cluster>().value_or(cluster{}).head.modified;
    for (const auto& t : state->state->all<token>()) {
      auto secret = unseal(t.sealed_secret, old_key);
      b.sealed[t.uuid] = secret ? seal(*secret, next.key) : std::string{};
    }
    state->state.reset();
    fault_point("certificate.before_write");
    auto done = write(std::move(b), who, trace, clock::now() + limits::write_deadline);
    if (done) return ok();
    last = done.error();
    if (last.code != errc::changed) break;
  }
  return last;
}

/// Until this member and the others that are there show the pair and have written it.
void node::await_shown(const tls::pem_pair& next, const std::vector<member>& others) const {
  const auto deadline = clock::now() + limits::seen_deadline;
  const auto wait_while = [&](const std::function<bool()>& is_old) {
    while (is_old() && clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  wait_while([&] { return shown_pair().certificate != next.certificate; });
  for (const auto& m : others)
    wait_while([&] {
      const auto shown = ask_certificate(m, "GET", "");
      return !shown || *shown != packed(next);
    });
}

status node::replace_certificate(const tls::pem_pair& next, const std::set<member_id>& online,
                                 const requestor& who, const std::string& trace) {
  const std::lock_guard one_at_a_time(join_lock_);
  if (auto readable = wait_readable(); !readable) return readable;
  const auto now_shown = shown_pair();
  if (next.certificate == now_shown.certificate) return ok();
  const bool is_new_key = !tls::is_pair({next.certificate, now_shown.key});
  std::vector<member> others;
  std::vector<member_id> absent;
  for (auto& m : local_view()->all<member>()) {
    if (m.id() == self()) continue;
    if (online.contains(m.id())) {
      others.push_back(std::move(m));
    } else if (is_new_key) {
      const auto why = fail(errc::unavailable,
                            "Cannot update cluster certificate with a new private key while "
                            "member \"" +
                                m.name + "\" is offline");
      (void)write(raise_warning{state::certificate_missed, m.id(), {}, why.detail, severity::low},
                  who, trace, clock::now() + limits::write_deadline)
          .ok();
      return why;
    } else {
      absent.push_back(m.id());
    }
  }
  if (auto laid = lay_ready_everywhere(next, others); !laid) return laid;
  fault_point("certificate.after_prepare");
  auto done = commit_certificate(next, who, trace);
  if (!done && done.error().code != errc::unknown_outcome) {
    for (const auto& m : others) (void)ask_certificate(m, "DELETE", "").ok();
    drop_ready();
  }
  fault_point("certificate.after_write");
  if (done) await_shown(next, others);
  if (done)
    for (const auto id : absent)
      begin_write(raise_warning{state::certificate_missed, id, {}, "it is offline", severity::low},
                  who, trace, clock::now() + limits::write_deadline, [](const result<outcome>&) {});
  return done;
}

/// What the state says is shown from now on; from what was laid ready, with the key that is here,
/// or from another member.
void node::follow_certificate() {
  const auto c = local_view()->only<cluster>();
  if (!c || !c->enabled || c->certificate.empty()) return;
  const auto shown = shown_pair();
  if (shown.certificate == c->certificate) return;
  tls::pem_pair wanted{c->certificate, shown.key};
  if (const auto here = tls::load(with_.data_dir, "cluster");
      here && here->certificate == c->certificate)
    wanted = *here;
  else if (const auto next = tls::load(with_.data_dir, next_name);
           next && next->certificate == c->certificate)
    wanted = *next;
  if (tls::is_pair(wanted)) return show_certificate(wanted);
  bool is_idle = false;
  if (!fetching_certificate_.compare_exchange_strong(is_idle, true)) return;
  const std::lock_guard guard(fetching_lock_);
  if (fetching_.joinable()) fetching_.join();  // it has done its work
  if (stopping_) return;
  fetching_ = std::thread([this, certificate = c->certificate] {
    fetch_certificate(certificate);
    fetching_certificate_ = false;
  });
}

void node::show_certificate(const tls::pem_pair& pair) {
  auto done = tls::store(with_.data_dir, "cluster", pair);
  fault_point("certificate.before_drop");
  if (done) done = load_certificates();
  if (!done) return with_.log("the new cluster certificate is not shown: " + done.error().detail);
  drop_ready();
}

void node::fetch_certificate(const std::string& certificate) {
  while (!stopping_) {
    const auto c = local_view()->only<cluster>();
    if (!c || c->certificate != certificate || shown_pair().certificate == certificate) return;
    for (const auto& m : local_view()->all<member>()) {
      if (stopping_ || m.id() == self()) continue;
      auto bytes = ask_certificate(m, "GET", "");
      if (!bytes) continue;
      auto pair = unpack_pair(*bytes);
      if (pair && pair->certificate == certificate) return show_certificate(*pair);
    }
    for (int i = 0; i < 10 && !stopping_; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

/// A crash came between key and certificate of the pair that is shown.
result<tls::pem_pair> node::load_shown() const {
  auto pair = tls::load(with_.data_dir, "cluster");
  if (pair || pair.error().code != errc::corrupt) return pair;
  auto next = tls::load(with_.data_dir, next_name);
  if (!next) return pair;
  if (auto stored = tls::store(with_.data_dir, "cluster", *next); !stored) return stored.error();
  return next;
}

}  // namespace muster::node
