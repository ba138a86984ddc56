#include "actors/instances/lxc/lxc_driver.hpp"

#include "actors/instances/lxc/cgroups.hpp"
#include "actors/instances/lxc/lxc_config.hpp"
#include "actors/instances/trash.hpp"
#include "storage/disk/descriptor.hpp"
#include "storage/disk/folder_modes.hpp"
#include "storage/identity.hpp"
#include "storage/images/image_files.hpp"

#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::instances {

namespace {

using namespace std::chrono_literals;
constexpr auto unpack_time_max = 10min;
constexpr auto start_time_max = 60s;
constexpr auto quick_time_max = 30s;
constexpr auto publish_silence_max = 2min;

std::uint64_t number_in(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

lxc_ptr open_container(const std::string& data_dir, object_id id) {
  return lxc_ptr(
      lxc_container_new(container_name(id).c_str(), containers_directory(data_dir).c_str()));
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> all;
  std::error_code failed;
  std::filesystem::directory_iterator at(folder, failed);
  for (; !failed && at != std::filesystem::directory_iterator(); at.increment(failed))
    all.push_back(at->path().filename().string());
  return all;
}

/// The rest is in the message.
std::vector<std::string> arguments_of(const std::string& verb, const container& c) {
  return {helper_word, verb, helper_message_word, container_name(c.id)};
}

status outcome_of(const process_end& end) {
  if (end.code == 0) return ok();
  return fail(errc::refused,
              end.text.empty() ? "the container helper ended with code " + std::to_string(end.code)
                               : end.text);
}

/// Of an unpacked image, which a stranger has made: nothing but a file of its own is read. Empty:
/// there is none.
std::string metadata_in(const std::string& image) {
  constexpr std::size_t bytes_max = 1u << 20;
  const storage::descriptor file(
      ::open((image + "/metadata.yaml").c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat about {};
  if (file.fd < 0 || ::fstat(file.fd, &about) != 0 || !S_ISREG(about.st_mode)) return {};
  std::string text(bytes_max, '\0');
  text.resize(storage::read_at(file.fd, 0, text.data(), text.size()).value_or(0));
  return text;
}

std::uint64_t boot_ms() {
  std::ifstream in("/proc/stat");
  std::string word;
  while (in >> word)
    if (word == "btime") {
      std::uint64_t seconds = 0;
      in >> seconds;
      return seconds * 1000;
    }
  return 0;
}

std::string cgroup_text(lxc_container* lxc, const char* name) {
  char text[2048] = "";
  return lxc->get_cgroup_item(lxc, name, text, sizeof text - 1) > 0 ? text : "";
}

/// The first of several cgroup items that is there: the two cgroup versions name them differently.
std::uint64_t cgroup_number(lxc_container* lxc, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto text = cgroup_text(lxc, name); !text.empty()) return number_in(text);
  return 0;
}

}  // namespace

status lxc_driver::run(const std::string& verb, const container& c, string_map options,
                       std::chrono::milliseconds deadline) {
  const helper_wish w{c, std::move(options), {}, {}};
  auto ended = run_self(arguments_of(verb, c), deadline, encode(w));
  forget(c.id);
  return ended ? outcome_of(*ended) : ended.error();
}

/// One at a time for each tree; others do not wait for it.
std::shared_ptr<std::mutex> lxc_driver::lock_of(const std::string& tree) {
  const std::lock_guard guard(lock_);
  auto& known = tree_locks_[tree];
  if (!known) known = std::make_shared<std::mutex>();
  return known;
}

status lxc_driver::unpack(const std::string& pool, const std::string& image) {
  const auto place = unpacked_directory(data_dir_, pool, image);
  const auto mine = lock_of(place);
  const std::lock_guard one_at_a_time(*mine);
  if (::access(place.c_str(), F_OK) == 0) return ok();
  const auto unfinished = unpacked_directory(data_dir_, pool, "." + image);
  std::error_code failed;
  std::filesystem::remove_all(unfinished, failed);
  auto done = unpack_into(unfinished, image);
  if (done) {
    std::filesystem::rename(unfinished, place, failed);
    if (!failed) return storage::sync_directory(std::filesystem::path(place).parent_path());
    done = fail(errc::refused, "cannot make " + place + ": " + failed.message());
  }
  std::filesystem::remove_all(unfinished, failed);
  return done;
}

/// It is whole and on the disk when this succeeds.
status lxc_driver::unpack_into(const std::string& unfinished, const std::string& image) const {
  std::error_code failed;
  std::filesystem::create_directories(unfinished, failed);
  if (failed) return fail(errc::refused, "cannot make " + unfinished + ": " + failed.message());
  auto ended =
      run_self({helper_word, "unpack", storage::image_path(data_dir_, image), unfinished, image},
               unpack_time_max);
  if (!ended) return ended.error();
  if (ended->code != 0) return fail(errc::refused, "Failed to unpack the image: " + ended->text);
  if (::access((unfinished + "/rootfs").c_str(), F_OK) != 0)
    return fail(errc::refused, "the image holds no rootfs directory");
  return ok();
}

/// In the default pool the directory itself; else a link to one inside the pool, which stays right
/// when everything is moved.
status lxc_driver::make_directory(const container& c) const {
  std::error_code failed;
  const auto directory = container_directory(data_dir_, c.id);
  const auto there = pool_directory(data_dir_, c.pool, c.id);
  std::filesystem::create_directories(containers_directory(data_dir_), failed);
  ::chmod(containers_directory(data_dir_).c_str(), 0711);
  const bool is_new = !std::filesystem::is_symlink(directory, failed) &&
                      !std::filesystem::exists(directory, failed);
  if (is_new && c.pool != "default") {
    std::filesystem::create_directories(there, failed);
    if (failed) return fail(errc::refused, "cannot make " + there + ": " + failed.message());
    ::chmod(std::filesystem::path(there).parent_path().c_str(), 0711);
    std::filesystem::create_directory_symlink(
        "../storage-pools/" + c.pool + "/containers/" + container_name(c.id), directory, failed);
  } else if (is_new) {
    std::filesystem::create_directory(directory, failed);
  }
  if (failed) return fail(errc::refused, "cannot make " + directory + ": " + failed.message());
  if (is_new) storage::close_container(directory, 0);  // the start says whose it is
  return ok();
}

namespace {

/// A creation that was cut short before it was known whose files these are.
bool holds_no_files(const std::string& directory) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    const auto name = entry.path().filename().string();
    if (name != "lock" && name != "identity.new") return false;
  }
  return !failed;
}

}  // namespace

/// Ids begin again in each cluster: what another one has left here lies on under another name.
status lxc_driver::set_strangers_aside(const container& c) const {
  const auto directory = container_directory(data_dir_, c.id);
  const auto who = load_container_identity(directory);
  if (!who || who->cluster.empty() || who->cluster == c.cluster) return ok();
  if (const auto pid = pid_of(c.id); pid != 0)
    return fail(errc::refused, "a container of another cluster, " + who->cluster + ", runs from " +
                                   directory + " as process " + std::to_string(pid));
  std::error_code failed;
  const auto real = std::filesystem::canonical(directory, failed);
  if (!failed) std::filesystem::rename(real, real.string() + ".of-" + who->cluster, failed);
  if (!failed && std::filesystem::is_symlink(directory)) std::filesystem::remove(directory, failed);
  if (failed) return fail(errc::refused, "cannot move " + directory + ": " + failed.message());
  return make_directory(c);
}

/// Whose files lie in its place; they become its own if there are none.
result<container_identity> lxc_driver::identify(const container& c) {
  const auto directory = container_directory(data_dir_, c.id);
  auto who = load_container_identity(directory);
  if (who) {
    auto ours = check_container_identity(*who, c);
    return ours ? who : result<container_identity>(ours.error());
  }
  if (who.error().code != errc::not_found) return who;
  if (!holds_no_files(directory))
    return fail(errc::refused, directory + " holds files, and nothing says whose: move them away");
  auto how = layout_on(c);
  if (!how) return how.error();
  const container_identity fresh{c.cluster, c.uuid, c.generation, *how};
  auto stored = store_container_identity(directory, fresh);
  return stored ? result<container_identity>(fresh) : stored.error();
}

/// Asked once for each pool; the file system it lies on does not change.
result<layout> lxc_driver::layout_on(const container& c) {
  const auto pool = pool_of(data_dir_, c.id);
  const auto mine = lock_of("layout of " + pool);  // whoever asks first tries it for all
  const std::lock_guard one_at_a_time(*mine);
  {
    const std::lock_guard guard(lock_);
    if (const auto known = layouts_.find(pool); known != layouts_.end()) return known->second;
  }
  auto ended = run_self(arguments_of("probe", c), quick_time_max, encode({c, {}, {}, {}}));
  if (!ended) return ended.error();
  constexpr int no_overlays = 3;
  if (ended->code != 0 && ended->code != no_overlays) return fail(errc::refused, ended->text);
  const auto how = ended->code == no_overlays ? layout::copy : layout::overlay;
  const std::lock_guard guard(lock_);
  return layouts_[pool] = how;
}

status lxc_driver::create(const container& c) {
  std::error_code ignored;
  const auto directory = container_directory(data_dir_, c.id);
  const auto pool =
      std::filesystem::is_symlink(directory, ignored) ? pool_of(data_dir_, c.id) : c.pool;
  if (auto there = check_pool(pool); !there) return there;
  if (auto made = make_directory(c); !made) return made;
  if (auto aside = set_strangers_aside(c); !aside) return aside;
  auto who = identify(c);
  if (!who) return who.error();
  if (auto unpacked = unpack(pool_of(data_dir_, c.id), c.image); !unpacked) return unpacked;
  return who->how == layout::copy ? run("copy", c, {}, unpack_time_max) : ok();
}

status lxc_driver::start(const container& c) {
  const auto pool = pool_of(data_dir_, c.id);
  if (auto there = check_pool(pool); !there) return there;
  auto who = load_container_identity(container_directory(data_dir_, c.id));
  if (!who && who.error().code == errc::not_found)
    return fail(errc::refused, "its files are not on this member: there is nothing in " +
                                   container_directory(data_dir_, c.id));
  if (!who) return who.error();
  if (auto ours = check_container_identity(*who, c); !ours) return ours;
  if (who->how == layout::overlay)
    if (auto unpacked = unpack(pool, c.image); !unpacked) return unpacked;
  return run("start", c, {}, start_time_max);
}

status lxc_driver::stop(const container& c, bool force, int timeout_s) {
  return run("stop", c,
             {{"force", force ? "true" : "false"}, {"timeout", std::to_string(timeout_s)}},
             quick_time_max + std::chrono::seconds(force ? 0 : timeout_s));
}

status lxc_driver::freeze(const container& c, bool on) {
  return run(on ? "freeze" : "unfreeze", c, {}, quick_time_max);
}

status lxc_driver::tidy(const container& c) { return run("tidy", c, {}, quick_time_max); }

status lxc_driver::publish(const container& c, const publish_wish& what) {
  const auto pool = pool_of(data_dir_, c.id);
  if (auto there = check_pool(pool); !there) return there;
  const auto who = load_container_identity(container_directory(data_dir_, c.id));
  if (!who) return who.error();
  if (who->how == layout::overlay || storage::has_image(data_dir_, c.image))
    if (auto unpacked = unpack(pool, c.image); !unpacked) return unpacked;
  auto metadata = storage::changed_metadata(
      metadata_in(unpacked_directory(data_dir_, pool, c.image)), what.metadata);
  if (!metadata) return metadata.error();
  const helper_wish w{
      c, {{"compression", what.compression}, {"metadata", *std::move(metadata)}}, {}, {}};
  auto ended = run_self_into(arguments_of("publish", c), publish_silence_max, encode(w), what.take);
  return ended ? outcome_of(*ended) : ended.error();
}

status lxc_driver::remove(const container& c) { return run("remove", c, {}, quick_time_max); }

void lxc_driver::sweep_trash() {
  (void)run_self({helper_word, "sweep", "data_dir=" + data_dir_}, unpack_time_max).ok();
}

// --- pools

void lxc_driver::note_pool(const std::string& pool, const status& in_place, bool is_mounted) {
  if (in_place) {
    storage::close_pool(data_dir_ + "/storage-pools/" + pool);
    remove_unfinished(pool);
  }
  const std::lock_guard guard(lock_);
  pools_[pool] = {in_place ? std::string{} : in_place.error().detail, is_mounted};
}

status lxc_driver::check_pool(const std::string& pool) {
  const std::lock_guard guard(lock_);
  const auto known = pools_.find(pool);
  if (known == pools_.end()) return ok();
  auto why = known->second.why;
  const auto above = data_dir_ + "/storage-pools";
  struct stat here {};
  struct stat over {};
  if (why.empty() && known->second.is_mounted &&
      (::stat((above + "/" + pool).c_str(), &here) != 0 || ::stat(above.c_str(), &over) != 0 ||
       here.st_dev == over.st_dev))
    why = "nothing is mounted on " + above + "/" + pool;
  if (why.empty()) return ok();
  return fail(errc::unavailable,
              "the storage pool \"" + pool + "\" is not in its place on this member: " + why);
}

result<pid_t> lxc_driver::exec(const container& c, const exec_wish& what,
                               const child_io& io) const {
  helper_wish w{c, {}, what.environment, what.command};
  w.what.config.clear();
  w.options["uid"] = std::to_string(what.uid);
  w.options["gid"] = std::to_string(what.gid);
  if (!what.cwd.empty()) w.options["cwd"] = what.cwd;
  if (what.with_terminal) w.options["terminal"] = "true";
  return spawn_self(arguments_of("exec", c), io, encode(w));
}

// --- looking

void lxc_driver::forget(object_id id) {
  const std::lock_guard guard(lock_);
  alive_.erase(id);
}

found lxc_driver::look_at(object_id id) {
  const auto directory = container_directory(data_dir_, id);
  found f;
  if (auto who = load_container_identity(directory)) {
    f.cluster = who->cluster;
    f.instance = who->instance;
    f.generation = who->generation;
  }
  {
    const std::lock_guard guard(lock_);
    if (const auto at = alive_.find(id); at != alive_.end()) {
      if (life_of(at->second.run) == life::running) {
        f.is_running = true;
        f.is_frozen = at->second.is_frozen;
        return f;
      }
      alive_.erase(at);
    }
  }
  auto run = load_run_mark(directory);
  const auto now = run ? life_of(*run) : life::ended;
  f.has_remains = run && now != life::running;
  const auto lxc = open_container(data_dir_, id);
  const bool is_reachable = lxc && lxc->is_running(lxc.get());
  if (now != life::running && !is_reachable) return f;
  f.is_running = true;
  f.is_frozen = is_reachable && std::strcmp(lxc->state(lxc.get()), "FROZEN") == 0;
  if (now != life::running) {  // by an older version, by a helper that was killed, or just now
    const auto lock = container_lock::take(directory, container_lock::when_held::refuse);
    if (!lock || !store_run_mark(directory, lxc->init_pid(lxc.get()))) return f;
    run = load_run_mark(directory);
  }
  const std::lock_guard guard(lock_);
  if (run) alive_[id] = {*run, f.is_frozen};
  return f;
}

std::map<object_id, found> lxc_driver::observe() {
  std::map<object_id, found> all;
  std::error_code failed;
  std::filesystem::directory_iterator entries(containers_directory(data_dir_), failed);
  for (; !failed && entries != std::filesystem::directory_iterator(); entries.increment(failed)) {
    const auto name = entries->path().filename().string();
    if (name.size() < 2 || name[0] != 'i') continue;
    const object_id id{number_in(name.substr(1))};
    if (id && name == container_name(id) && load_container_identity(entries->path().string()))
      all[id] = look_at(id);
  }
  return all;
}

pid_t lxc_driver::pid_of(object_id id) const {
  if (const auto run = load_run_mark(container_directory(data_dir_, id));
      run && life_of(*run) == life::running)
    return run->init.pid;
  const auto lxc = open_container(data_dir_, id);
  return lxc && lxc->is_running(lxc.get()) ? lxc->init_pid(lxc.get()) : 0;
}

std::optional<usage> lxc_driver::use_of(object_id id) const {
  const auto lxc = open_container(data_dir_, id);
  if (!lxc || !lxc->is_running(lxc.get())) return std::nullopt;
  usage u;
  u.pid = lxc->init_pid(lxc.get());
  const auto ticks_a_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  u.started_ms =
      boot_ms() + number_in(mark_of(u.pid).value_or(process_mark{}).since) * 1000 / ticks_a_second;
  u.memory_bytes = cgroup_number(lxc.get(), {"memory.current", "memory.usage_in_bytes"});
  u.memory_peak_bytes = cgroup_number(lxc.get(), {"memory.peak", "memory.max_usage_in_bytes"});
  u.cpu_ns = cgroup_number(lxc.get(), {"cpuacct.usage"});
  if (u.cpu_ns == 0) u.cpu_ns = cpu_ns_in(cgroup_text(lxc.get(), "cpu.stat"));
  u.processes = cgroup_number(lxc.get(), {"pids.current"});
  return u;
}

std::vector<std::string> lxc_driver::pools_here() const {
  return names_in(data_dir_ + "/storage-pools");
}

std::vector<std::string> lxc_driver::unpacked() const {
  std::vector<std::string> all;
  for (const auto& pool : pools_here())
    for (const auto& name : names_in(data_dir_ + "/storage-pools/" + pool + "/images"))
      if (storage::is_fingerprint(name)) all.push_back(name);  // what else lies there is not ours
  return all;
}

void lxc_driver::remove_unpacked(const std::string& image, bool for_good,
                                 const std::function<bool()>& is_free) {
  for (const auto& pool : pools_here()) {
    const auto place = unpacked_directory(data_dir_, pool, image);
    const auto mine = lock_of(place);
    const std::unique_lock one_at_a_time(*mine, std::try_to_lock);
    std::error_code failed;
    if (!one_at_a_time || !std::filesystem::exists(place, failed) || !is_free()) continue;
    if (!for_good) {
      (void)move_unpacked_to_trash(data_dir_, pool, image).ok();
      continue;
    }
    const auto unfinished = unpacked_directory(data_dir_, pool, "." + image);
    std::filesystem::remove_all(unfinished, failed);
    std::filesystem::rename(place, unfinished, failed);  // never half under its name
    if (!failed) std::filesystem::remove_all(unfinished, failed);
  }
}

/// Of an unpack or a removal that was cut short.
void lxc_driver::remove_unfinished(const std::string& pool) {
  const auto folder = data_dir_ + "/storage-pools/" + pool + "/images";
  for (const auto& name : names_in(folder)) {
    if (!name.starts_with(".") || !storage::is_fingerprint(name.substr(1))) continue;
    const auto mine = lock_of(unpacked_directory(data_dir_, pool, name.substr(1)));
    const std::lock_guard one_at_a_time(*mine);
    std::error_code ignored;
    std::filesystem::remove_all(folder + "/" + name, ignored);
  }
}

}  // namespace muster::instances
