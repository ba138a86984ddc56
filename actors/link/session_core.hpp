#pragma once
#include "schemas/basic/limits.hpp"
#include "schemas/codec/codec.hpp"

#include <deque>
#include <optional>

namespace muster::link {

/// Whether two members may open a session. Pure.
/// @param own what this side would say. @param seen highest incarnation of that member known here.
/// @errors errc::forbidden with the reason, for the log of both sides.
status check_hello(const codec::hello& own, const codec::hello& theirs, member_id authenticated,
                   incarnation seen);

/// Of one cluster, but with a recovery between them.
bool is_other_epoch(const codec::hello& own, const codec::hello& theirs);

/// Order and window of one session: each message at most once, in order; what is not acknowledged
/// is bounded in bytes, because BASP itself would buffer without bound.
class session_window {
public:
  explicit session_window(std::uint64_t number) : number_(number) {}
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }

  [[nodiscard]] std::uint64_t next_sequence() const { return sent_ + 1; }
  /// Takes the next sequence number for a message of `bytes`; false if the window is full.
  bool admit(std::size_t bytes);
  /// False if the message is of another session, or out of order: the session is broken or old.
  bool take(const codec::link_message& m, std::size_t bytes);
  /// Whether the peer should be told now what has come (a quarter of its window is filled).
  [[nodiscard]] bool owes_acknowledgement() const;
  void acknowledged_now() { unacknowledged_received_ = 0; }
  [[nodiscard]] std::size_t unacknowledged_bytes() const { return unacknowledged_; }

private:
  std::uint64_t number_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::deque<std::pair<std::uint64_t, std::size_t>> in_flight_;  ///< sequence, bytes
  std::size_t unacknowledged_ = 0;
  std::size_t unacknowledged_received_ = 0;
};

}  // namespace muster::link
