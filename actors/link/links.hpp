#pragma once
#include "actors/link/session_core.hpp"
#include "schemas/codec/codec.hpp"

#include <caf/fwd.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace muster::tls {
class stream;
}

namespace muster::link {

/// A member to keep a session with.
struct peer {
  member_id id;
  std::string name;
  std::string address;      ///< host:port
  std::string fingerprint;  ///< of its own server certificate
  bool operator==(const peer&) const = default;
};

struct peer_health {
  member_id id;
  bool is_up = false;
  std::chrono::steady_clock::time_point last_heard;
  std::chrono::steady_clock::time_point closed;  ///< when its session was seen to end
  std::uint32_t level = 0;   ///< of its build, as its last hello said; 0: none came
  std::int64_t skew_ms = 0;  ///< how far its clock was ahead of ours when it last told
};

struct links_settings {
  /// What this member says first; asked anew for each session.
  std::function<codec::hello()> hello;
  /// A message of a member, on its link's thread; must not block.
  std::function<void(member_id, std::shared_ptr<const codec::link_body>)> on_message;
  std::function<void(member_id, bool is_up)> on_session;
  /// Connects, authenticates and upgrades to `muster-link`; blocks, at most limits::dial_deadline.
  std::function<result<std::shared_ptr<tls::stream>>(const peer&)> dial;
  /// Asks a member to dial this one: for members with a higher id than ours. Blocks as `dial`.
  std::function<void(const peer&)> knock;
  /// A member of the same cluster and of another epoch has said hello; must not block.
  std::function<void(const peer&, const codec::hello& own, const codec::hello& theirs)>
      on_other_epoch;
  void* test_port = nullptr;
};

/// The sessions of one member with all others: one link actor a member. Thread-safe.
/// Nothing else touches a remote handle: BASP would buffer without bound and drop silently.
class links {
public:
  links(caf::actor_system& system, links_settings with);
  ~links();
  links(const links&) = delete;
  links& operator=(const links&) = delete;

  /// Links to members that are gone are closed, new ones opened.
  void set_peers(const std::vector<peer>& peers);
  /// An authenticated stream of a member that dialled us. @errors errc::not_found: not a member.
  status accept(member_id from, std::shared_ptr<tls::stream> stream);
  /// A member asks to be dialled now.
  void dial_now(member_id to);
  /// False: there is no session; nothing was sent.
  bool send(member_id to, codec::link_body body);
  /// Whether more than the window allows is on its way to a member, or waits to be.
  [[nodiscard]] bool is_full(member_id to) const;
  void send_to_all(const codec::link_body& body);
  [[nodiscard]] std::vector<peer_health> health() const;
  /// Afterwards none of the callbacks runs; a dial under way is waited for (limits::dial_deadline).
  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace muster::link
