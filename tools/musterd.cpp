#include "actors/instances/lxc/container_helper.hpp"
#include "tools/daemon.hpp"
#include "tools/data_dir.hpp"
#include "tools/init.hpp"
#include "tools/log.hpp"
#include "tools/offline/offline.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MUSTER_LEVEL
#define MUSTER_LEVEL 1
#endif

namespace {

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

/// Each connection is one, and a member that has none left ends.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Runs until SIGTERM or SIGINT; the signals are blocked in every thread and taken here.
int run(muster::tools::daemon_settings with) {
  with.level = MUSTER_LEVEL;
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  ::umask(077);  // what others may pass through says so
  auto entered = muster::tools::enter_data_dir(with.data_dir);
  if (!entered) {
    std::cerr << "musterd: " << entered.error().detail << "\n";
    return 1;
  }
  with.data_dir = *entered;
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const auto data_dir = with.data_dir;
  muster::tools::daemon d(std::move(with));
  if (auto started = d.start(); !started) {
    std::cerr << "musterd: " << started.error().detail << "\n";
    std::cerr.flush();
    ::_exit(1);
  }
  if (d.wants_init())
    if (auto done = muster::tools::init_storage(data_dir); !done)
      std::cerr << "musterd: no first storage pool: " << done.error().detail
                << "; `muster init` tries again\n";
  d.ready();
  constexpr timespec minute{60, 0};
  while (sigtimedwait(&ends, nullptr, &minute) < 0) d.keep_house();
  d.stop();
  ::_exit(0);  // a thread that still dials holds nothing that must be kept
}

}  // namespace

bool is_called_incusd(char** argv) { return std::filesystem::path(argv[0]).filename() == "incusd"; }

/// Where `incusd` keeps everything.
std::string incus_dir() {
  const char* dir = std::getenv("INCUS_DIR");
  return dir && *dir ? dir : "/var/lib/incus";
}

/// `musterd cluster …`, `incusd admin cluster …` as the stock client calls it: what can be done to
/// a server's disk.
int cluster_main(int argc, char** argv, std::string data_dir) {
  CLI::App app{"the cluster as this server's disk has it"};
  app.require_subcommand(1);
  muster::tools::recover_options with;
  std::string format = "table";
  with.data_dir = std::move(data_dir);
  app.add_option("--data-dir", with.data_dir, "where the member keeps everything")
      ->envname("INCUS_DIR")
      ->required(with.data_dir.empty());
  auto* list = app.add_subcommand("list-database", "addresses of the voters")->alias("ls");
  list->add_option("-f,--format", format)
      ->check(CLI::IsMember({"table", "csv", "json", "yaml", "compact"}));
  auto* show = app.add_subcommand("show", "the configuration as YAML");
  auto* edit = app.add_subcommand("edit", "addresses of members that have moved");
  auto* remove = app.add_subcommand("remove-raft-node", "take its role from a member");
  std::string address;
  remove->add_option("ADDRESS", address, "HOST:PORT of the member")->required();
  auto* recover = app.add_subcommand("recover-from-quorum-loss", "go on from this member alone");
  for (auto* word : {remove, recover}) word->add_flag("-q,--quiet", with.is_sure, "do not ask");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  namespace tools = muster::tools;
  const auto done = *list     ? tools::list_database(with.data_dir, format)
                    : *show   ? tools::show_cluster(with.data_dir)
                    : *edit   ? tools::edit_cluster(with.data_dir)
                    : *remove ? tools::remove_raft_node(with.data_dir, address, with.is_sure)
                              : tools::recover(with);
  if (done) return 0;
  std::cerr << "Error: " << done.error().detail << "\n";
  return 1;
}

/// Called as `incusd`: the options of Incus's daemon. A standalone server on the unix socket; what
/// else it is becomes by its configuration.
int incusd_main(int argc, char** argv) {
  CLI::App app{"incusd: one server that runs containers, alone or in a cluster"};
  muster::tools::daemon_settings with;
  with.data_dir = incus_dir();
  with.name = host_name();
  std::string log_file;
  bool is_debug = false;
  bool is_verbose = false;
  app.add_option("--logfile", log_file, "where it writes its log");
  app.add_option("--group", with.group, "that may use the unix socket");
  app.add_flag("-d,--debug", is_debug, "write everything");
  app.add_flag("-v,--verbose", is_verbose, "write what happens");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  muster::tools::set_up_log("text", is_debug ? "debug" : "info", log_file);
  return run(std::move(with));
}

int main(int argc, char** argv) {
  std::signal(SIGCHLD, SIG_DFL);  // a parent's SIG_IGN would take the ends of all helpers
  if (argc > 1 && std::string(argv[1]) == muster::instances::helper_word)
    return muster::instances::helper_main(argc - 2, argv + 2);
  const int words = argc > 2 && std::string(argv[1]) == "admin" ? 2 : 1;
  if (argc > words && std::string(argv[words]) == "cluster")
    return cluster_main(argc - words, argv + words, is_called_incusd(argv) ? incus_dir() : "");
  if (is_called_incusd(argv)) return incusd_main(argc, argv);
  CLI::App app{"musterd: one server of a cluster that runs containers"};
  muster::tools::daemon_settings with;
  std::string log_format = "text";
  std::string log_level = "info";
  with.name = host_name();
  app.add_option("--data-dir", with.data_dir, "where the member keeps everything")
      ->envname("INCUS_DIR")
      ->required();
  app.add_option("--name", with.name, "of this member; default: the host's name");
  app.add_option("--address", with.address, "HOST:PORT of HTTPS");
  auto* bootstrap = app.add_flag("--bootstrap", with.bootstrap, "begin a new cluster here");
  app.add_option("--join", with.join_token,
                 "token of `muster token NAME` or `incus cluster add NAME`")
      ->excludes(bootstrap)
      ->envname("MUSTER_JOIN_TOKEN");
  std::string join_file;
  app.add_option("--join-file", join_file, "file that holds the token: arguments are seen by all")
      ->excludes(bootstrap)
      ->check(CLI::ExistingFile);
  app.add_option("--log-format", log_format)->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", log_level)
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  ::unsetenv("MUSTER_JOIN_TOKEN");  // not for the processes that it starts
  if (!join_file.empty()) {
    std::ifstream from(join_file);
    from >> with.join_token;
  }
  muster::tools::set_up_log(log_format, log_level);
  return run(std::move(with));
}
