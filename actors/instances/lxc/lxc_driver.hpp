#pragma once
#include "actors/instances/container_files.hpp"
#include "actors/instances/instances_core.hpp"
#include "actors/instances/lxc/process.hpp"
#include "storage/images/image_writer.hpp"

#include <mutex>
#include <optional>

namespace muster::instances {

/// What a running container uses now.
struct usage {
  pid_t pid = 0;
  std::uint64_t started_ms = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_peak_bytes = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t processes = 0;
};

struct exec_wish {
  std::vector<std::string> command;
  string_map environment;
  std::string cwd;
  unsigned uid = 0;
  unsigned gid = 0;
  bool with_terminal = false;
};

/// What an image that is made of an instance is to be.
struct publish_wish {
  storage::metadata_changes metadata;
  std::string compression;
  /// Gets the file part by part; a failure ends it.
  std::function<status(std::string_view)> take;
};

/// Containers of this member, by liblxc in helper processes. They outlive this process; a later one
/// finds them again. Calls block; one at a time for each container. Thread-safe.
class lxc_driver {
public:
  explicit lxc_driver(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  /// Files of a new container; unpacks the image if this member has not yet. Can be repeated.
  /// @errors errc::refused: files of another instance lie in its place
  status create(const container& c);
  /// @errors errc::refused: "its files are not on this member"
  status start(const container& c);
  /// @param timeout_s for a clean shutdown. @errors errc::refused when it has not stopped by then.
  status stop(const container& c, bool force, int timeout_s);
  status freeze(const container& c, bool on);
  /// What is left of one that has ended by itself: mounts, cgroups, an init without its monitor.
  status tidy(const container& c);
  /// Makes an image of it. @errors errc::refused: it is running
  status publish(const container& c, const publish_wish& what);
  /// Its files go to the trash. It must not run.
  status remove(const container& c);
  void sweep_trash();
  /// The helper that runs the command; its exit code is the command's.
  result<pid_t> exec(const container& c, const exec_wish& what, const child_io& io) const;

  [[nodiscard]] std::map<object_id, found> observe();
  [[nodiscard]] std::optional<usage> use_of(object_id id) const;
  [[nodiscard]] pid_t pid_of(object_id id) const;
  /// Fingerprints of the images that lie unpacked here.
  [[nodiscard]] std::vector<std::string> unpacked() const;
  /// One that is being unpacked stays. @param for_good false: into the trash. @param is_free asked
  /// while nobody can unpack it
  void remove_unpacked(const std::string& image, bool for_good,
                       const std::function<bool()>& is_free);
  /// What the keeper says of a pool. Nothing is made on one that is not in its place: what is then
  /// found there is the bare mount point.
  void note_pool(const std::string& pool, const status& in_place, bool is_mounted);

private:
  status check_pool(const std::string& pool);
  status set_strangers_aside(const container& c) const;
  result<container_identity> identify(const container& c);
  result<layout> layout_on(const container& c);
  status unpack(const std::string& pool, const std::string& image);
  status unpack_into(const std::string& unfinished, const std::string& image) const;
  void remove_unfinished(const std::string& pool);
  [[nodiscard]] std::vector<std::string> pools_here() const;
  std::shared_ptr<std::mutex> lock_of(const std::string& tree);
  status make_directory(const container& c) const;
  status run(const std::string& verb, const container& c, string_map options,
             std::chrono::milliseconds deadline);
  found look_at(object_id id);
  void forget(object_id id);

  struct alive {
    run_mark run;
    bool is_frozen = false;
  };
  struct pool_standing {
    std::string why;  ///< it is not in its place
    bool is_mounted = false;
  };
  const std::string data_dir_;
  std::mutex lock_;
  std::map<std::string, std::shared_ptr<std::mutex>> tree_locks_;  ///< of unpacked images, by path
  std::map<object_id, alive> alive_;
  std::map<std::string, pool_standing> pools_;
  std::map<std::string, layout> layouts_;  ///< of pools
};

}  // namespace muster::instances
