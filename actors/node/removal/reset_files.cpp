#include "actors/node/removal/reset_files.hpp"

#include "actors/instances/running.hpp"
#include "actors/instances/trash.hpp"
#include "schemas/basic/fault_point.hpp"
#include "storage/identity.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

namespace muster::node {

namespace fs = std::filesystem;

namespace {

constexpr const char* notice_file = "removed";
constexpr const char* mark_file = "reset";
constexpr const char* making = "before-reset.made";
constexpr const char* kept = "before-reset";

std::string at(const std::string& data_dir, const std::string& name) {
  return data_dir + "/" + name;
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool goes(const std::string& name, aside what) {
  static const std::vector<std::string> membership{
      "identity",  "identity.made", "raft",        "raft.made",        "state",
      "condemned", "cluster.crt",   "cluster.key", "cluster.next.crt", "cluster.next.key",
      "join",      "join.accepted", "before-join", notice_file,        "containers",
      "logs"};
  static const std::vector<std::string> stays{"server.crt", "server.key",  making,     kept,
                                              mark_file,    "unix.socket", "incus.pid"};
  return what == aside::everything ? !contains(stays, name) : contains(membership, name);
}

/// The last step: what was kept of an earlier reset goes.
status swap(const std::string& data_dir) {
  std::error_code failed;
  if (!fs::exists(at(data_dir, making), failed)) return ok();
  if (auto free = instances::unmount_below(at(data_dir, kept)); !free) return free;
  fs::remove_all(at(data_dir, kept), failed);
  if (!failed) fs::rename(at(data_dir, making), at(data_dir, kept), failed);
  if (failed) return fail(errc::refused, "cannot keep the old state: " + failed.message());
  return storage::sync_directory(data_dir);
}

/// Nothing is moved away below a container, nor together with a mount.
status let_go(const std::string& data_dir, aside what) {
  if (const auto running = instances::running_in(data_dir); !running.empty())
    return fail(errc::refused, "containers run from " + data_dir + ": " +
                                   instances::names_of(running) +
                                   ". Their files would be moved away below them: stop them first");
  return instances::unmount_below(what == aside::everything ? data_dir
                                                            : at(data_dir, "containers"));
}

}  // namespace

status store_removed(const std::string& data_dir, const removal_notice& notice) {
  return storage::write_file_durably(at(data_dir, notice_file),
                                     (notice.forced ? "forced\n" : "empty\n") + notice.text);
}

std::optional<removal_notice> load_removed(const std::string& data_dir) {
  auto content = storage::read_file(at(data_dir, notice_file));
  if (!content) return std::nullopt;
  const auto line = std::min(content->find('\n'), content->size());
  return removal_notice{content->substr(std::min(line + 1, content->size())),
                        content->substr(0, line) != "empty"};
}

status put_aside(const std::string& data_dir, aside what) {
  const auto mark = what == aside::everything ? "everything" : "membership";
  if (auto free = let_go(data_dir, what); !free) return free;
  if (auto marked = storage::write_file_durably(at(data_dir, mark_file), mark); !marked)
    return marked;
  fault_point("reset.after_mark");
  return finish_put_aside(data_dir);
}

status finish_put_aside(const std::string& data_dir) {
  auto mark = storage::read_file(at(data_dir, mark_file));
  if (!mark) return swap(data_dir);
  const auto what = *mark == "everything" ? aside::everything : aside::membership;
  if (auto free = let_go(data_dir, what); !free) return free;
  std::error_code failed;
  fs::create_directories(at(data_dir, making), failed);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(data_dir, failed))
    if (goes(entry.path().filename(), what)) names.push_back(entry.path().filename());
  for (const auto& name : names) {
    fs::rename(at(data_dir, name), at(data_dir, making) + "/" + name, failed);
    if (failed) return fail(errc::refused, "cannot move " + name + ": " + failed.message());
    fault_point("reset.while_moving");
  }
  if (auto synced = storage::sync_directory(data_dir); !synced) return synced;
  fs::remove(at(data_dir, mark_file), failed);
  if (failed) return fail(errc::refused, "cannot remove the mark: " + failed.message());
  fault_point("reset.before_swap");
  return swap(data_dir);
}

}  // namespace muster::node
