#pragma once
#include "actors/instances/container.hpp"
#include "schemas/basic/result.hpp"

#include <optional>
#include <sys/types.h>
#include <utility>

/// What lies beside a container's files: whose they are, and which processes run from them. Names
/// and paths can be spelled in many ways; this cannot.
namespace muster::instances {

/// How its root file system comes together; chosen at its creation, followed at each start.
enum class layout : unsigned char { overlay, copy };

/// containers/iN/identity. Files without one were made by an older version: of those nobody knows
/// cluster and instance.
struct container_identity {
  std::string cluster;
  std::string instance;  ///< uuid
  std::uint64_t generation = 0;
  layout how = layout::overlay;
  bool operator==(const container_identity&) const = default;
};
/// @errors errc::not_found, errc::corrupt
result<container_identity> load_container_identity(const std::string& directory);
status store_container_identity(const std::string& directory, const container_identity& who);
/// Whether these are the files of `c`. @errors errc::refused: "its files are not on this member"
status check_container_identity(const container_identity& who, const container& c);
/// Files of another cluster or instance lie in its place: they are nobody's business here.
bool is_of_another(const container& c);

struct process_mark {
  pid_t pid = 0;
  std::string since;  ///< field 22 of /proc/PID/stat: tells a reused pid
  bool operator==(const process_mark&) const = default;
};
/// None: there is no such process, or it has ended and nobody has waited for it.
std::optional<process_mark> mark_of(pid_t pid);
pid_t parent_of(pid_t pid);
bool is_alive(const process_mark& what);
/// Sends it a signal. Frozen processes end when they are thawed.
void begin_kill(const process_mark& what, int signal_number);
bool wait_until_ended(const process_mark& what, int timeout_ms);

/// containers/iN/run: what was started from it last, since the host has booted.
struct run_mark {
  process_mark init;
  process_mark monitor;  ///< liblxc's
};
enum class life : unsigned char {
  ended,
  running,
  orphaned,  ///< its monitor is gone: it cannot be reached any more
};
std::optional<run_mark> load_run_mark(const std::string& directory);
/// Of a container whose init runs now.
status store_run_mark(const std::string& directory, pid_t init);
void forget_run_mark(const std::string& directory);
life life_of(const run_mark& what);

/// Held while somebody works on a container; a second one waits, or is told so.
class container_lock {
public:
  enum class when_held : unsigned char { wait, refuse };
  /// @errors errc::not_found, errc::busy
  static result<container_lock> take(const std::string& directory,
                                     when_held what = when_held::wait);
  container_lock(container_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  container_lock& operator=(container_lock&&) = delete;
  ~container_lock();

private:
  explicit container_lock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace muster::instances
