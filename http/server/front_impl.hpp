#pragma once
#include "http/message/envelope.hpp"
#include "http/server/connection.hpp"
#include "http/server/front.hpp"
#include "http/server/listen.hpp"
#include "http/server/quick_request.hpp"
#include "http/server/request_server.hpp"
#include "http/server/worker_pool.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <unordered_map>

namespace muster::http {

using connection_ptr = std::shared_ptr<connection>;

/// What the limit of this process leaves for connections.
std::size_t connections_max();

/// A library's exception becomes an answer; ours are results.
response safely(const std::function<response()>& make);

/// The front's inside: front.cpp listens and ends, front_loop.cpp is the loop, front_worker.cpp
/// what workers do.
class front::impl {
public:
  explicit impl(front_settings with)
      : with_(std::move(with)),
        server_(with_),
        pool_(bounds::workers_min, bounds::workers_max, bounds::tasks_waiting_max),
        shakers_(1, bounds::shakers_max, bounds::tasks_waiting_max),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    watch(wake_, EPOLLIN, EPOLL_CTL_ADD);
    loop_ = std::thread([this] { run(); });
  }

  ~impl() { stop(); }

  result<int> listen_tls(const std::string& host_port, std::shared_ptr<tls::server_contexts> shown);
  status listen_unix(const std::string& path);
  void stop_listening(const std::string& host_port);
  void close_connections_of(const std::string& fingerprint);
  void stop();

  std::size_t connections() const {
    const std::lock_guard guard(lock_);
    return connections_.size();
  }
  std::size_t threads() const { return pool_.threads(); }

private:
  struct listener {
    int fd = -1;
    std::shared_ptr<tls::server_contexts> shown;  ///< null: unix socket
    std::string address;
    std::optional<clock::time_point> pauses_until;  ///< no descriptor was left
  };

  /// Work for the loop: an answer that has come, or (no `make`) a connection that a worker gives
  /// back.
  struct delivered {
    connection_ptr to;
    std::shared_ptr<request> of;
    std::function<response()> make;
  };

  void watch(int fd, std::uint32_t events, int operation) const {
    epoll_event e{};
    e.events = events;
    e.data.fd = fd;
    ::epoll_ctl(epoll_, operation, fd, &e);
  }
  void add_listener(listener l);
  void run();
  void on_event(int fd, std::uint32_t events);
  void accept_all(const listener& l);
  bool make_room();
  bool add_connection(int fd, const listener& l, const sockaddr_storage& from);
  void pause(const listener& l);
  void end_pauses();
  void sweep();
  void sweep_one(const connection_ptr& c, clock::time_point now);
  void answer_waiting();
  void forget(const connection_ptr& c);
  void drop(const connection_ptr& c);
  void say_goodbye(const connection_ptr& c);
  void throw_away(const connection_ptr& c);
  void guarded(const connection_ptr& c, const std::function<void()>& work);
  // The loop.
  void serve(const connection_ptr& c);
  void go_on(const connection_ptr& c);
  bool read_more(const connection_ptr& c);
  bool answer_quickly(const connection_ptr& c, std::shared_ptr<request> r);
  bool respond(const connection_ptr& c, const response& r, const std::string& trace = {});
  bool write_out(const connection_ptr& c);
  void wait_for(const connection_ptr& c, const std::shared_ptr<request>& r, response& answer);
  void end_wait(const connection_ptr& c);
  void take_delivered();
  void take_one(const delivered& d);
  void be_watched(const connection_ptr& c, bool on);
  // Any thread.
  void give(const connection_ptr& c, std::shared_ptr<request> r, std::function<response()> make);
  // A worker.
  void hand_over(const connection_ptr& c);
  void advance(const connection_ptr& c);
  bool shake(const connection_ptr& c);
  bool may_stay(const connection_ptr& c);
  void serve_upgrade(const connection_ptr& c);
  void become_websocket(const connection_ptr& c, const upgrade_answer& answer, request& r);
  void on_socket_event(const connection_ptr& c, std::uint32_t events);
  void write_and_drop(const connection_ptr& c, const response& r);

  front_settings with_;
  request_server server_;
  worker_pool pool_;
  worker_pool shakers_;  ///< of their own: who is slow to answer keeps nobody from connecting
  const std::size_t connections_max_ = connections_max();
  mutable std::mutex lock_;
  std::unordered_map<int, connection_ptr> connections_;
  std::unordered_map<int, listener> listeners_;
  std::size_t strangers_ = 0;
  std::map<std::string, std::size_t> strangers_of_;  ///< by host
  std::mutex delivered_lock_;
  std::vector<delivered> delivered_;
  bool has_ended_ = false;  ///< nobody takes them any more
  std::size_t asked_ = 0;   ///< answers that come later; for the loop
  int epoll_;
  int wake_;
  int spare_ = -1;  ///< given up to refuse a connection when no other descriptor is left
  std::atomic<bool> stopping_{false};
  std::thread loop_;
};

}  // namespace muster::http
