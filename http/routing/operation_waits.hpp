#pragma once
#include "http/message/message.hpp"
#include "http/server/worker_pool.hpp"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace muster::http {

/// Clients that wait for operations of other members. None holds a thread: the member is asked at
/// the begin, when it says that the operation has ended, and now and then. Thread-safe.
class operation_waits {
public:
  /// Asks the member how the operation is; may block.
  using look = std::function<response(const request&)>;
  explicit operation_waits(look how);
  ~operation_waits();

  struct waiter;
  std::shared_ptr<waiter> add(const std::string& uuid, std::shared_ptr<const request> r);
  /// The answer, once it is known that the operation has ended or cannot be asked for.
  void begin(const std::shared_ptr<waiter>& w, deliver give);
  /// How the operation was when it was last looked at.
  response last(const std::shared_ptr<waiter>& w) const;
  void forget(const std::shared_ptr<waiter>& w);
  /// Its member says so.
  void hear_end(const std::string& uuid);

private:
  void post(const std::shared_ptr<waiter>& w);
  void look_at(const std::shared_ptr<waiter>& w);

  const look how_;
  mutable std::mutex lock_;
  std::condition_variable_any wake_;
  std::multimap<std::string, std::shared_ptr<waiter>> all_;
  worker_pool pool_;
  std::jthread now_and_then_;
};

}  // namespace muster::http
