#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/basic/strong.hpp"
#include "schemas/records.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace muster::node {

/// Incus's status codes.
enum class op_status : int {
  pending = 105,
  running = 103,
  cancelling = 104,
  success = 200,
  failure = 400,
  cancelled = 401
};
enum class op_class : unsigned char { task, websocket, token };

/// Work that lives on the member that runs it, as users see it.
struct operation {
  std::string uuid;
  op_class kind = op_class::task;
  std::string description;
  std::string project;  ///< empty: of the server
  std::string location;
  std::uint64_t created_ms = 0;
  std::uint64_t updated_ms = 0;
  op_status now = op_status::running;
  std::map<std::string, std::vector<std::string>> resources;  ///< kind → URL paths
  std::string metadata_json = "{}";
  std::string private_json;  ///< metadata with secrets, for `who` alone; empty: none
  requestor who;             ///< began it
  bool is_exec = false;      ///< counted apart
  bool is_open = false;      ///< without work: it ends when its token goes
  bool may_cancel = false;
  std::string error;
  errc error_code = errc::refused;
  [[nodiscard]] bool has_ended() const { return now >= op_status::success; }
};

/// The operations of this member. Ended ones are kept for a while, so that their results can be
/// asked for. Thread-safe.
class operations {
public:
  using clock = std::chrono::steady_clock;
  /// Told of each change, on the thread that caused it.
  using watcher = std::function<void(const operation&)>;
  explicit operations(watcher on_change) : on_change_(std::move(on_change)) {}
  ~operations();

  /// What the work can do while it runs.
  class handle {
  public:
    handle(operations& all, std::string uuid) : all_(all), uuid_(std::move(uuid)) {}
    [[nodiscard]] const std::string& uuid() const { return uuid_; }
    void set_metadata(std::string json);
    [[nodiscard]] bool is_cancelled() const;

  private:
    operations& all_;
    std::string uuid_;
  };

  /// Runs `work` on a thread of its own. @errors errc::busy above limits::operations_waiting_max,
  /// or limits::execs_max of commands.
  result<operation> start(operation what, std::function<status(handle&)> work,
                          std::function<void()> on_cancel = {});
  /// One without work, until `end_open`: a token of the cluster, which every member knows.
  void open(operation what);
  /// It was taken back.
  void end_open(const std::string& uuid);
  [[nodiscard]] std::optional<operation> get(const std::string& uuid) const;
  [[nodiscard]] std::vector<operation> list() const;
  /// Calls once it has ended, at once if it has: from any thread, must not block. Gives a number to
  /// forget it by; none if there is no such operation.
  std::optional<std::uint64_t> when_ended(const std::string& uuid,
                                          std::function<void(const operation&)> then);
  void forget(const std::string& uuid, std::uint64_t waiter);
  /// @errors errc::not_found, errc::bad_request if it cannot be cancelled.
  status cancel(const std::string& uuid);
  /// No new ones; waits for those that run, at most until `deadline`.
  void stop(clock::time_point deadline);

private:
  struct one {
    operation shown;
    std::function<void()> on_cancel;
    clock::time_point ended;
    std::map<std::uint64_t, std::function<void(const operation&)>> waiters;
  };
  void change(const std::string& uuid, const std::function<void(operation&)>& f);
  void forget_old();
  void tell_begun(operation what) const;
  void run(const std::string& uuid, std::function<status(handle&)> work);
  void forget_how_to_stop(const std::string& uuid);
  std::size_t& running_of(bool is_exec) { return is_exec ? execs_ : running_; }

  watcher on_change_;
  mutable std::mutex lock_;
  mutable std::condition_variable changed_;
  std::map<std::string, one> all_;
  std::size_t running_ = 0;
  std::size_t execs_ = 0;
  std::uint64_t next_waiter_ = 1;
  bool stopping_ = false;
};

}  // namespace muster::node
