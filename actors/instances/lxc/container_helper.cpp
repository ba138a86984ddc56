#include "actors/instances/lxc/container_helper.hpp"

#include "actors/instances/container.hpp"
#include "actors/instances/lxc/lxc_config.hpp"
#include "actors/instances/lxc/mounts.hpp"
#include "storage/images/image_files.hpp"

#include <lxc/attach_options.h>
#include <lxc/lxccontainer.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::instances {

namespace {

struct wish {
  container what;
  std::map<std::string, std::string> options;  ///< `option:NAME=VALUE`
  std::vector<std::string> command;            ///< behind `--`
  std::string option(const std::string& name, const std::string& otherwise = {}) const {
    const auto at = options.find(name);
    return at == options.end() ? otherwise : at->second;
  }
};

wish parse(int argc, char** argv) {
  wish w;
  std::vector<std::string> plain;
  int i = 0;
  for (; i < argc && std::string(argv[i]) != "--"; ++i) {
    const std::string a = argv[i];
    const auto equals = a.find('=');
    if (a.starts_with("option:") && equals != std::string::npos)
      w.options[a.substr(7, equals - 7)] = a.substr(equals + 1);
    else
      plain.push_back(a);
  }
  for (++i; i < argc; ++i) w.command.emplace_back(argv[i]);
  w.what = from_arguments(plain);
  return w;
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
  if (argc < 2) return complain("unpack FILE DIRECTORY");
  if (::chdir(argv[1]) != 0) return complain(std::string("cannot enter ") + argv[1]);
  auto done = storage::unpack_image(argv[0], ::geteuid() == 0);
  return done ? 0 : complain(done.error().detail);
}

int start(const wish& w) {
  const auto& c = w.what;
  const auto directory = container_directory(c.data_dir, c.id);
  auto lxc = open_container(c);
  if (!lxc) return complain("liblxc gives no container");
  if (lxc->is_running(lxc.get())) return complain("The instance is already running");
  ::unlink((directory + "/lxc.log").c_str());
  auto configured = configure(lxc.get(), c);
  if (!configured) return complain(configured.error().detail);
  lxc->want_daemonize(lxc.get(), true);
  lxc->want_close_all_fds(lxc.get(), true);
  if (lxc->start(lxc.get(), 0, nullptr)) return 0;
  unmount_rootfs(directory);
  return complain("Failed to start the container: " + first_lxc_error(c));
}

int stop(const wish& w) {
  auto lxc = open_container(w.what);
  if (!lxc) return complain("liblxc gives no container");
  if (lxc->is_running(lxc.get())) {
    const int timeout_s = std::atoi(w.option("timeout", "0").c_str());
    const bool stopped =
        w.option("force") == "true" ? lxc->stop(lxc.get()) : lxc->shutdown(lxc.get(), timeout_s);
    if (!stopped && lxc->is_running(lxc.get()))
      return complain(
          "Failed shutting down instance, status is \"Running\": it has not stopped within " +
          std::to_string(timeout_s) + " s; use --force");
  }
  lxc->wait(lxc.get(), "STOPPED", 5);
  unmount_rootfs(container_directory(w.what.data_dir, w.what.id));
  remove_cgroups(w.what);
  return 0;
}

int remove(const wish& w) {
  const auto directory = container_directory(w.what.data_dir, w.what.id);
  unmount_rootfs(directory);
  remove_cgroups(w.what);
  std::error_code failed;
  const bool is_linked = std::filesystem::is_symlink(directory, failed);
  std::filesystem::remove_all(
      is_linked ? pool_directory(w.what.data_dir, pool_of(w.what.data_dir, w.what.id), w.what.id)
                : directory,
      failed);
  if (is_linked && !failed) std::filesystem::remove(directory, failed);
  return failed ? complain("cannot remove " + directory + ": " + failed.message()) : 0;
}

int freeze(const wish& w, bool on) {
  auto lxc = open_container(w.what);
  if (lxc && (on ? lxc->freeze(lxc.get()) : lxc->unfreeze(lxc.get()))) return 0;
  return complain(on ? "the container could not be frozen (no cgroups for this user?)"
                     : "the container could not be unfrozen");
}

// --- exec
// -----------------------------------------------------------------------------------------

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
  command_line line;
  for (auto& word : w.command) line.argv.push_back(word.data());
  line.argv.push_back(nullptr);
  line.with_terminal = w.option("terminal") == "true";
  std::vector<std::string> environment;
  for (const auto& [key, value] : w.options)
    if (key.starts_with("env.")) environment.push_back(key.substr(4) + "=" + value);
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
  if (::geteuid() != 0 && !std::getenv("HOME"))
    ::setenv("HOME", "/tmp", 1);  // liblxc keeps locks there
  if (verb == "unpack") return unpack(argc - 1, argv + 1);
  auto w = parse(argc - 1, argv + 1);
  if (verb == "start") return start(w);
  if (verb == "stop") return stop(w);
  if (verb == "remove") return remove(w);
  if (verb == "freeze") return freeze(w, true);
  if (verb == "unfreeze") return freeze(w, false);
  if (verb == "exec") return exec(w);
  return complain("unknown verb " + verb);
}

}  // namespace muster::instances
