#include "actors/state/commands/handlers.hpp"
#include "actors/state/commands/lifecycle.hpp"

namespace muster::state {

namespace {

std::optional<token> find_token(const transaction& tx, token_kind kind, std::string_view hash) {
  for (auto& t : tx.all<token>())
    if (t.kind == kind && t.secret_hash == hash) return t;
  return std::nullopt;
}

bool is_expired(const transaction& tx, const token& t) {
  return t.expires_ms != 0 && t.expires_ms <= tx.stamp_ms();
}

}  // namespace

outcome handle(transaction& tx, const requestor&, const claim_token& b) {
  auto ticket = find_token(tx, token_kind::join, b.secret_hash);
  if (!ticket) {
    for (const auto& m : tx.all<member>())  // the join has committed: the claim was kept
      if (m.fingerprint == b.fingerprint && m.join_secret_hash == b.secret_hash)
        return done(m.head.id);
    return refuse(errc::forbidden, "No matching cluster join operation found");
  }
  if (is_expired(tx, *ticket)) return refuse(errc::forbidden, "Token has expired");
  if (!ticket->claimed_by.empty() && ticket->claimed_by != b.fingerprint)
    return refuse(errc::forbidden, "The join token is in use by another server");
  ticket->claimed_by = b.fingerprint;
  tx.put(*ticket);
  return done(ticket->head.id);
}

outcome handle(transaction& tx, const requestor& who, const redeem_token& b) {
  auto ticket = find_token(tx, token_kind::trust, b.secret_hash);
  if (!ticket) return refuse(errc::forbidden, "No matching certificate add operation found");
  if (is_expired(tx, *ticket)) return refuse(errc::forbidden, "Token has expired");
  if (tx.find(table::certificate, {}, b.value.fingerprint))
    return refuse(errc::conflict, "Certificate already in trust store");
  tx.erase(key_of(*ticket));
  certificate row = b.value;
  row.head = {};
  row.head.id = tx.next_object();
  row.name = ticket->name;
  row.type = "client";
  row.restricted = ticket->restricted;
  row.projects = ticket->projects;
  tx.put(row);
  emit_for(tx, who, row, "created");
  return done(row.head.id);
}

outcome handle(transaction& tx, const requestor&, const expire_tokens&) {
  for (const auto& t : tx.all<token>())
    if (is_expired(tx, t)) tx.erase(key_of(t));
  return done();
}

/// Tokens stay good to be listed: each comes with its secret under the new key, or nothing is done.
outcome handle(transaction& tx, const requestor& who, const set_cluster_certificate& b) {
  auto row = tx.only<cluster>();
  if (!row || !row->enabled) return refuse(errc::bad_request, "This server is not clustered");
  if (b.expected && row->head.modified != b.expected)
    return refuse(errc::changed, "the cluster certificate was changed meanwhile; try again");
  auto tokens = tx.all<token>();
  for (auto& t : tokens) {
    const auto sealed = b.sealed.find(t.uuid);
    if (sealed == b.sealed.end())
      return refuse(errc::changed, "a token was made meanwhile; try again");
    t.sealed_secret = sealed->second;
    t.fingerprint = b.fingerprint;
  }
  row->certificate = b.certificate;
  row->fingerprint = b.fingerprint;
  tx.put(*row);
  for (auto& t : tokens) tx.put(std::move(t));
  event e;
  e.action = "cluster-certificate-updated";
  e.source = "/1.0/cluster/certificate";
  e.who = who;
  tx.emit(std::move(e));
  return done();
}

}  // namespace muster::state
