#pragma once
#include "actors/link/tls/tls_stream.hpp"
#include "http/message/message.hpp"
#include "http/message/websocket.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace muster::http {

/// One accepted socket. The loop owns it; while `is_busy`, the worker that shakes hands or answers.
struct connection {
  explicit connection(std::shared_ptr<tls::stream> s) : stream(std::move(s)) {}
  std::shared_ptr<tls::stream> stream;
  peer_info peer;
  bool is_shaken = false;            ///< TLS handshake done
  std::string in;                    ///< read, not yet consumed
  std::string range;                 ///< header of the request at the front of `in`
  std::size_t head_bytes = 0;        ///< of the request at the front of `in`; 0: not whole yet
  bool must_close = false;           ///< after the answer
  std::atomic<bool> is_busy{false};  ///< with a worker: deadlines don't count
  clock::time_point deadline;

  // Quick requests; for the loop only.
  std::size_t searched = 0;        ///< of `in`, for the end of the head
  std::shared_ptr<request> begun;  ///< its head is read, its body not wholly
  bool begun_is_quick = false;     ///< else it is for a worker
  std::size_t begun_bytes = 0;     ///< head and body
  std::shared_ptr<request> asked;  ///< its answer comes later
  std::string out;                 ///< answer that the socket has not taken yet
  bool is_watched = false;         ///< the loop hears of new bytes
  bool lingers = false;            ///< the last answer is out: what comes is thrown away
  std::size_t thrown_away = 0;
  std::shared_ptr<const patience> waits;  ///< of `asked`
  std::shared_ptr<websocket> socket;      ///< set once upgraded

  // Under the front's lock.
  std::shared_ptr<websocket> upgraded;  ///< for the loop to take
  std::string acts_for;                 ///< client that a member speaks for, once upgraded
  bool is_stranger = false;

  /// Takes buffered bytes first, then the stream's.
  result<std::size_t> read(char* to, std::size_t size, clock::time_point until) {
    if (taken_ == in.size()) return stream->read(to, size, until);
    const auto n = std::min(size, in.size() - taken_);
    in.copy(to, n, taken_);
    taken_ += n;
    return n;
  }
  /// What was read is gone from `in`.
  void forget_taken() {
    in.erase(0, taken_);
    taken_ = 0;
  }

private:
  std::size_t taken_ = 0;  ///< of `in`, by `read`
};

}  // namespace muster::http
