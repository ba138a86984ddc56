#include "actors/instances/lxc/container_helper.hpp"

#include "actors/instances/lxc/cgroups.hpp"
#include "actors/instances/lxc/lxc_config.hpp"
#include "actors/instances/lxc/mounts.hpp"
#include "actors/instances/lxc/process.hpp"
#include "actors/instances/trash.hpp"
#include "storage/disk/descriptor.hpp"
#include "storage/disk/disk_room.hpp"
#include "storage/images/image_files.hpp"
#include "storage/images/image_writer.hpp"

#include <lxc/attach_options.h>
#include <lxc/lxccontainer.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::instances {

namespace {

using wish = helper_wish;

/// @errors errc::corrupt
result<wish> read_wish(int argc, char** argv) {
  if (argc > 0 && std::string_view(argv[0]) == helper_message_word) {
    auto message = take_message();
    return message ? decode_wish(*message) : message.error();
  }
  return wish{from_arguments({argv, argv + argc}), {}, {}, {}};
}

int complain(const std::string& text, int code = 1) {
  std::fprintf(stderr, "%s", text.c_str());
  return code;
}

lxc_ptr open_container(const container& c) {
  return lxc_ptr(
      lxc_container_new(container_name(c.id).c_str(), containers_directory(c.data_dir).c_str()));
}

int unpack(int argc, char** argv) {
  if (argc < 3) return complain("unpack FILE DIRECTORY FINGERPRINT");
  if (auto whole = storage::check_fingerprint(argv[0], argv[2]); !whole)
    return complain(whole.error().detail);
  if (::chdir(argv[1]) != 0) return complain(std::string("cannot enter ") + argv[1]);
  auto done = storage::unpack_image(argv[0], ::geteuid() == 0, {}, [](std::uint64_t bytes) {
    return storage::check_room(".", bytes);
  });
  if (!done) return complain(done.error().detail);
  const storage::descriptor here(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (here.fd < 0 ||
      ::syncfs(here.fd) != 0)  // else a power cut may leave empty files under its name
    return complain(std::string("cannot sync ") + argv[1] + ": " + std::strerror(errno));
  return 0;
}

// --- the life of one container; each verb holds its lock

constexpr int end_time_ms = 10'000;

/// What `run` and liblxc say together. Liblxc knows a container by the name of its directory and by
/// its network namespace; `run` knows its processes.
struct standing {
  bool is_reachable = false;      ///< liblxc finds it
  life now = life::ended;         ///< by `run`
  std::optional<run_mark> run{};  ///< none: never started, or nobody wrote it down
};

standing standing_of(lxc_container* lxc, const std::string& directory) {
  standing s;
  s.is_reachable = lxc->is_running(lxc);
  s.run = load_run_mark(directory);
  if (s.run) s.now = life_of(*s.run);
  return s;
}

std::string elsewhere(const standing& s) {
  return "The instance is already running as process " + std::to_string(s.run->init.pid) +
         ", and cannot be reached from here: was this server started in another network namespace?";
}

/// Its init may have outlived its monitor; a monitor ends a moment after its init.
status end_processes(const container& c, const standing& s) {
  if (!s.run || s.now == life::running) return ok();
  if (s.now == life::orphaned) {
    begin_kill(s.run->init, SIGKILL);
    thaw(c.data_dir, c.id);
  }
  for (const auto& left : {s.run->init, s.run->monitor}) {
    if (s.now == life::ended && left == s.run->init) continue;  // the pid may be another's by now
    if (wait_until_ended(left, end_time_ms)) continue;
    begin_kill(left, SIGKILL);
    if (!wait_until_ended(left, end_time_ms))
      return fail(errc::refused, "process " + std::to_string(left.pid) +
                                     ", left behind by the instance, does not end");
  }
  return ok();
}

/// Mounts, groups and marks of a run that is over.
status tidy_up(const container& c, const standing& s) {
  if (auto ended = end_processes(c, s); !ended) return ended;
  const auto directory = container_directory(c.data_dir, c.id);
  unmount_rootfs(directory);
  remove_cgroups(c.data_dir, c.id);
  forget_run_mark(directory);
  return ok();
}

struct opened {
  lxc_ptr lxc;
  standing is;
};

result<opened> open_and_look(const container& c) {
  opened o{open_container(c), {}};
  if (!o.lxc) return fail(errc::refused, "liblxc gives no container");
  o.is = standing_of(o.lxc.get(), container_directory(c.data_dir, c.id));
  return o;
}

status begin(const container& c, opened& o) {
  const auto directory = container_directory(c.data_dir, c.id);
  auto who = load_container_identity(directory);
  if (!who) return who.error();
  if (auto ours = check_container_identity(*who, c); !ours) return ours;
  if (auto tidy = tidy_up(c, o.is); !tidy) return tidy;
  auto* lxc = o.lxc.get();
  ::unlink((directory + "/lxc.log").c_str());
  if (auto configured = configure(lxc, c, who->how); !configured) return configured;
  lxc->want_daemonize(lxc, true);
  lxc->want_close_all_fds(lxc, true);
  if (!lxc->start(lxc, 0, nullptr))
    return fail(errc::refused, "Failed to start the container: " + first_lxc_error(c));
  auto marked = store_run_mark(directory, lxc->init_pid(lxc));
  if (marked || lxc->is_running(lxc)) return marked;
  return tidy_up(c, o.is);  // one that has ended at once has been started, too
}

status start(const wish& w) {
  auto o = open_and_look(w.what);
  if (!o) return o.error();
  if (o->is.is_reachable) return fail(errc::refused, "The instance is already running");
  if (o->is.now == life::running) return fail(errc::refused, elsewhere(o->is));
  auto begun = begin(w.what, *o);
  if (begun) return begun;
  if (auto* lxc = o->lxc.get(); lxc->is_running(lxc)) lxc->stop(lxc);
  auto left = standing_of(o->lxc.get(), container_directory(w.what.data_dir, w.what.id));
  (void)tidy_up(w.what, left).ok();
  return begun;
}

status stop(const wish& w) {
  auto o = open_and_look(w.what);
  if (!o) return o.error();
  auto* lxc = o->lxc.get();
  if (o->is.is_reachable) {
    const int timeout_s = std::atoi(w.option("timeout", "0").c_str());
    const bool stopped =
        w.option("force") == "true" ? lxc->stop(lxc) : lxc->shutdown(lxc, timeout_s);
    if (!stopped && lxc->is_running(lxc))
      return fail(
          errc::refused,
          "Failed shutting down instance, status is \"Running\": it has not stopped within " +
              std::to_string(timeout_s) + " s; use --force");
    lxc->wait(lxc, "STOPPED", 5);
  } else if (o->is.now == life::running) {
    return fail(errc::refused, elsewhere(o->is));
  }
  return tidy_up(w.what, standing_of(lxc, container_directory(w.what.data_dir, w.what.id)));
}

/// After an end that nobody has ordered.
status tidy(const wish& w) {
  auto o = open_and_look(w.what);
  if (!o) return o.error();
  if (o->is.is_reachable || o->is.now == life::running) return ok();
  return tidy_up(w.what, o->is);
}

/// Its files go to the trash.
status remove(const wish& w) {
  const auto& c = w.what;
  if (is_of_another(c)) return ok();
  auto o = open_and_look(c);
  if (!o) return o.error();
  if (o->is.is_reachable) return fail(errc::refused, "The instance is running");
  if (o->is.now == life::running) return fail(errc::refused, elsewhere(o->is));
  if (auto tidied = tidy_up(c, o->is); !tidied) return tidied;
  if (auto moved = move_to_trash(c.data_dir, c.id); !moved) return moved;
  o->lxc.reset();
  ::unlink(
      ("/run/lxc/lock" + containers_directory(c.data_dir) + "/." + container_name(c.id)).c_str());
  return ok();
}

/// The folder that the writer is to read.
status enter(const std::string& folder) {
  if (::chdir(folder.c_str()) == 0) return ok();
  return fail(errc::refused, "cannot enter " + folder + ": " + std::strerror(errno));
}

/// Mounts stay in a namespace of this process, and what a container holds is read as its own root.
status pack(const wish& w, layout how) {
  const auto& c = w.what;
  if (::geteuid() != 0)
    return fail(errc::refused, "only a server that runs as root makes images of instances");
  auto ids = ids_of(c);
  if (!ids) return ids.error();
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail(errc::refused, std::string("no mount namespace: ") + std::strerror(errno));
  if (auto there = lay_out(c, how, *ids); !there) return there;
  auto out = storage::image_writer::begin(STDOUT_FILENO, w.option("compression"));
  if (!out) return out.error();
  if (auto begun = out->add_file("metadata.yaml", w.option("metadata")); !begun) return begun;
  const auto image = unpacked_directory(c.data_dir, pool_of(c.data_dir, c.id), c.image);
  if (::access((image + "/templates").c_str(), F_OK) == 0) {
    if (auto in = enter(image + "/templates"); !in) return in;
    if (auto added = out->add_tree("templates"); !added) return added;
  }
  const auto root = container_directory(c.data_dir, c.id) + "/rootfs";
  if (ids->count != 0 && how == layout::copy)
    if (auto shifted = shift_owners(root, *ids); !shifted) return shifted;
  if (auto in = enter(root); !in) return in;
  if (ids->count != 0)
    if (auto entered = enter_ids(*ids); !entered) return entered;
  if (auto added = out->add_tree("rootfs"); !added) return added;
  return out->finish();
}

/// An image of it goes to descriptor 1.
status publish(const wish& w) {
  auto o = open_and_look(w.what);
  if (!o) return o.error();
  if (o->is.is_reachable || o->is.now != life::ended)
    return fail(errc::refused, "Cannot export a running instance as an image");
  auto who = load_container_identity(container_directory(w.what.data_dir, w.what.id));
  if (!who) return who.error();
  if (auto ours = check_container_identity(*who, w.what); !ours) return ours;
  return pack(w, who->how);
}

status copy(const wish& w) { return copy_files(w.what); }

/// Exit code 3: no overlays there.
int probe(const wish& w) {
  auto how = possible_layout(w.what);
  if (!how) return complain(how.error().detail);
  return *how == layout::overlay ? 0 : 3;
}

int locked(status (*verb)(const wish&), const wish& w) {
  const auto directory = container_directory(w.what.data_dir, w.what.id);
  auto lock = container_lock::take(directory);
  if (!lock) {
    if (lock.error().code != errc::not_found || verb != remove)
      return complain(lock.error().detail);
    auto moved = move_to_trash(w.what.data_dir, w.what.id);  // a dangling link, or what was logged
    return moved ? 0 : complain(moved.error().detail);
  }
  auto done = verb(w);
  return done ? 0 : complain(done.error().detail);
}

status freeze(const wish& w) {
  auto lxc = open_container(w.what);
  if (lxc && lxc->freeze(lxc.get())) return ok();
  return fail(errc::refused, "the container could not be frozen (no cgroups for this user?)");
}

status unfreeze(const wish& w) {
  auto lxc = open_container(w.what);
  if (lxc && lxc->unfreeze(lxc.get())) return ok();
  return fail(errc::refused, "the container could not be unfrozen");
}

// --- exec

pid_t attached = -1;
volatile sig_atomic_t heard_early = 0;

/// Any signal for the command comes as the value of SIGRTMIN; 9 and 19 would end or stop this.
void pass_on(int number, siginfo_t* how, void*) {
  const int wanted = number == SIGRTMIN ? how->si_value.sival_int : number;
  if (attached > 0)
    ::kill(attached, wanted);
  else
    heard_early = wanted;
}

void pass_signals_on() {
  struct sigaction by {};
  by.sa_sigaction = pass_on;
  by.sa_flags = SA_SIGINFO;
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGRTMIN})
    ::sigaction(s, &by, nullptr);
}

struct command_line {
  std::vector<char*> argv;
  bool with_terminal = false;
};

/// Runs inside the container.
int run_command(void* argument) {
  auto& line = *static_cast<command_line*>(argument);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // whoever kills the helper means the command
  if (line.with_terminal) {
    ::setsid();
    ::ioctl(0, TIOCSCTTY, 0);
  }
  ::execvp(line.argv[0], line.argv.data());
  std::fprintf(stderr, "%s: %s\n", line.argv[0], std::strerror(errno));
  return errno == ENOENT ? 127 : 126;
}

int exec(wish& w) {
  auto lxc = open_container(w.what);
  if (!lxc || !lxc->is_running(lxc.get())) return complain("Instance is not running\n", 126);
  const auto who = load_container_identity(container_directory(w.what.data_dir, w.what.id));
  if (!who) return complain(who.error().detail + "\n", 126);
  if (auto ours = check_container_identity(*who, w.what); !ours)
    return complain(ours.error().detail + "\n", 126);
  command_line line;
  for (auto& word : w.command) line.argv.push_back(word.data());
  line.argv.push_back(nullptr);
  line.with_terminal = w.option("terminal") == "true";
  std::vector<std::string> environment;
  for (const auto& [key, value] : w.environment) environment.push_back(key + "=" + value);
  std::vector<char*> variables;
  for (auto& v : environment) variables.push_back(v.data());
  variables.push_back(nullptr);
  lxc_attach_options_t how = LXC_ATTACH_OPTIONS_DEFAULT;
  how.env_policy = LXC_ATTACH_CLEAR_ENV;
  how.extra_env_vars = variables.data();
  how.stdin_fd = 0;
  how.stdout_fd = 1;
  how.stderr_fd = 2;
  how.uid = static_cast<uid_t>(std::strtoul(w.option("uid", "0").c_str(), nullptr, 10));
  how.gid = static_cast<gid_t>(std::strtoul(w.option("gid", "0").c_str(), nullptr, 10));
  auto cwd = w.option("cwd", "/");
  how.initial_cwd = cwd.data();
  pass_signals_on();
  if (lxc->attach(lxc.get(), run_command, &line, &how, &attached) != 0)
    return complain("the command could not be started in the container\n", 126);
  if (heard_early != 0) ::kill(attached, heard_early);
  int state = 0;
  while (::waitpid(attached, &state, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

/// The daemon has raised it for its connections; programs in containers expect what is usual.
void lower_descriptor_limit() {
  constexpr rlim_t usual = 1024;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min(limit.rlim_cur, usual);
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int helper_main(int argc, char** argv) {
  if (argc < 1) return complain("a verb is missing");
  const std::string verb = argv[0];
  lower_descriptor_limit();
  ::umask(022);  // what is made here belongs to containers
  if (::geteuid() != 0 && !std::getenv("HOME"))
    ::setenv("HOME", "/tmp", 1);  // liblxc keeps locks there
  if (verb == "unpack") return unpack(argc - 1, argv + 1);
  auto read = read_wish(argc - 1, argv + 1);
  if (!read) return complain(read.error().detail);
  auto& w = *read;
  const std::map<std::string, status (*)(const wish&)> verbs{
      {"start", start}, {"stop", stop},     {"tidy", tidy},         {"remove", remove},
      {"copy", copy},   {"freeze", freeze}, {"unfreeze", unfreeze}, {"publish", publish}};
  if (const auto at = verbs.find(verb); at != verbs.end()) return locked(at->second, w);
  if (verb == "probe") return probe(w);
  if (verb == "sweep") {
    sweep_trash(w.what.data_dir);
    return 0;
  }
  if (verb == "exec") return exec(w);
  return complain("unknown verb " + verb);
}

}  // namespace muster::instances
