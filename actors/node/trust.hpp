#pragma once
#include "schemas/state_view.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

namespace muster::node {

/// Whom a certificate makes its owner.
struct trusted {
  member_id member;  ///< set: a member's own server certificate
  std::optional<certificate> client;
};

/// Certificates by fingerprint, kept beside the state so that a handshake costs no look-up on disk.
class trust {
public:
  /// Reads all anew; gives the fingerprints that are trusted no more.
  std::vector<std::string> refresh(const state_view& state,
                                   const std::map<std::string, member_id>& first_peers) {
    std::map<std::string, trusted> next;
    for (const auto& [print, id] : first_peers) next[print] = {id, std::nullopt};
    for (const auto& c : state.all<certificate>()) next[c.fingerprint] = {{}, c};
    for (const auto& m : state.all<member>()) next[m.fingerprint] = {m.id(), std::nullopt};
    std::vector<std::string> gone;
    const std::lock_guard guard(lock_);
    for (const auto& [print, who] : all_)
      if (!next.contains(print)) gone.push_back(print);
    all_ = std::move(next);
    return gone;
  }
  [[nodiscard]] std::optional<trusted> find(const std::string& fingerprint) const {
    const std::lock_guard guard(lock_);
    const auto at = all_.find(fingerprint);
    if (at == all_.end()) return std::nullopt;
    return at->second;
  }

private:
  mutable std::mutex lock_;
  std::map<std::string, trusted> all_;
};

}  // namespace muster::node
