#pragma once
#include "actors/instances/lxc/exec.hpp"
#include "http/message/websocket.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace muster::http {

/// A command whose input and output go over WebSockets, as the stock client does it: "0", "1", "2"
/// and, if it likes, "control"; or with a terminal "0" for both ways and "control". Ends with its
/// client.
class exec_session : public std::enable_shared_from_this<exec_session> {
public:
  explicit exec_session(bool with_terminal);

  /// Channel → the secret that opens it.
  [[nodiscard]] const std::map<std::string, std::string>& secrets() const { return secrets_; }
  /// The channel that the secret opens; it opens no second time. @errors errc::forbidden
  result<std::string> claim(const std::string& secret);
  void attach(const std::string& channel_name, const std::shared_ptr<websocket>& socket);

  /// Waits for the channels, runs the command, carries bytes until it has ended. Gives its exit
  /// code.
  /// @errors errc::bad_request if the client does not connect.
  result<int> run(const instances::lxc_driver& driver, const instances::container& c,
                  const instances::exec_wish& what, unsigned columns, unsigned rows);

private:
  [[nodiscard]] bool is_ready() const;
  void hear_close(const std::string& channel_name);
  void look_after_hung_up(const instances::exec_process& p);
  void take_input(ws_op op, std::string data);
  void take_control(const std::string& json);
  void wake() const;
  bool carry(instances::exec_process& p);
  bool write_input(instances::exec_process& p);
  bool read_output(int& fd, const std::string& to);
  bool finish_output(const std::string& to);
  void close_all();
  std::shared_ptr<websocket> socket_of(const std::string& channel_name);

  const bool with_terminal_;
  std::map<std::string, std::string> secrets_;
  int wake_fd_;
  mutable std::mutex lock_;
  std::condition_variable changed_;
  std::set<std::string> claimed_;
  std::map<std::string, std::shared_ptr<websocket>> sockets_;
  std::string input_;
  bool input_ended_ = false;
  bool is_hung_up_ = false;  ///< the client is gone
  instances::exec_process* running_ = nullptr;

  // Of the operation's thread.
  std::optional<std::chrono::steady_clock::time_point> hung_up_at_;
  std::optional<std::chrono::steady_clock::time_point> ended_at_;

public:
  ~exec_session();
};

/// The sessions of this member that wait for clients or run, by operation. Thread-safe.
class exec_sessions {
public:
  void add(const std::string& operation, std::shared_ptr<exec_session> session) {
    const std::lock_guard guard(lock_);
    all_[operation] = std::move(session);
  }
  void remove(const std::string& operation) {
    const std::lock_guard guard(lock_);
    all_.erase(operation);
  }
  [[nodiscard]] std::shared_ptr<exec_session> find(const std::string& operation) const {
    const std::lock_guard guard(lock_);
    const auto at = all_.find(operation);
    return at == all_.end() ? nullptr : at->second;
  }

private:
  mutable std::mutex lock_;
  std::map<std::string, std::shared_ptr<exec_session>> all_;
};

}  // namespace muster::http
