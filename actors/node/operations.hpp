#pragma once
#include "schemas/result.hpp"
#include "schemas/strong.hpp"

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

  /// Runs `work` on a thread of its own. @errors errc::busy above limits::operations_waiting_max.
  result<operation> start(operation what, std::function<status(handle&)> work,
                          std::function<void()> on_cancel = {});
  [[nodiscard]] std::optional<operation> get(const std::string& uuid) const;
  [[nodiscard]] std::vector<operation> list() const;
  /// The operation as it is when it ends, or at the deadline.
  [[nodiscard]] std::optional<operation> wait(const std::string& uuid,
                                              clock::time_point deadline) const;
  /// @errors errc::not_found, errc::bad_request if it cannot be cancelled.
  status cancel(const std::string& uuid);
  /// No new ones; waits for those that run, at most until `deadline`.
  void stop(clock::time_point deadline);

private:
  struct one {
    operation shown;
    std::function<void()> on_cancel;
    clock::time_point ended;
  };
  void change(const std::string& uuid, const std::function<void(operation&)>& f);
  void forget_old();

  watcher on_change_;
  mutable std::mutex lock_;
  mutable std::condition_variable changed_;
  std::map<std::string, one> all_;
  std::size_t running_ = 0;
  bool stopping_ = false;
};

}  // namespace muster::node
