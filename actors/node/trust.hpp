#pragma once
#include "actors/link/tls/tls_identity.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/state_view.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

namespace muster::node {

/// Whom a certificate makes its owner.
struct trusted {
  member_id member;                           ///< set: a member's own server certificate
  std::shared_ptr<const certificate> client;  ///< shared: it is looked at with every request
  // When a client's certificate is good; clocks don't decide on members.
  std::int64_t good_from_s = 0;
  std::int64_t good_until_s = 0;
};

/// Certificates by fingerprint, kept beside the state so that a handshake costs no look-up on disk.
class trust {
public:
  /// Reads all anew; gives the fingerprints that are trusted no more, or otherwise.
  std::vector<std::string> refresh(const state_view& state,
                                   const std::map<std::string, member_id>& first_peers) {
    std::map<std::string, trusted> next;
    for (const auto& [print, id] : first_peers) next[print] = {id, nullptr, 0, 0};
    for (auto& c : state.all<certificate>()) {
      const auto good = tls::validity_of(c.pem);
      const auto print = c.fingerprint;
      if (good)
        next[print] = {
            {}, std::make_shared<const certificate>(std::move(c)), good->from_s, good->until_s};
    }
    for (const auto& m : state.all<member>()) next[m.fingerprint] = {m.id(), nullptr, 0, 0};
    std::vector<std::string> gone;
    const std::lock_guard guard(lock_);
    for (const auto& [print, who] : all_)
      if (const auto at = next.find(print); at == next.end() || has_less(who, at->second))
        gone.push_back(print);
    all_ = std::move(next);
    return gone;
  }
  [[nodiscard]] std::optional<trusted> find(const std::string& fingerprint) const {
    const std::lock_guard guard(lock_);
    const auto at = all_.find(fingerprint);
    if (at == all_.end()) return std::nullopt;
    return at->second;
  }

  /// Clients whose time is over: what they have opened ends, too.
  [[nodiscard]] std::vector<std::string> expired(std::int64_t now_s) const {
    std::vector<std::string> all;
    const std::lock_guard guard(lock_);
    for (const auto& [print, who] : all_)
      if (who.client && who.good_until_s < now_s) all.push_back(print);
    return all;
  }

private:
  /// Other rights than before: what was opened with the old ones ends.
  static bool has_less(const trusted& before, const trusted& now) {
    if (!before.client || !now.client) return false;
    return before.client->restricted != now.client->restricted ||
           before.client->projects != now.client->projects ||
           before.client->type != now.client->type;
  }

  mutable std::mutex lock_;
  std::map<std::string, trusted> all_;
};

/// How many unknown tokens are looked for: each costs the cluster a read index. Thread-safe.
class token_budget {
public:
  using clock = std::chrono::steady_clock;
  /// False: too many in the last second.
  bool take(clock::time_point now = clock::now()) {
    const std::lock_guard guard(lock_);
    const std::chrono::duration<double> since = now - filled_;
    left_ =
        std::min<double>(limits::token_tries_max, left_ + since.count() * limits::token_tries_max);
    filled_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

private:
  std::mutex lock_;
  clock::time_point filled_ = clock::now();
  double left_ = limits::token_tries_max;
};

}  // namespace muster::node
