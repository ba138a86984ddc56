#include "actors/instances/lxc/container_helper.hpp"
#include "tools/daemon.hpp"
#include "tools/log.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <iostream>
#include <unistd.h>

namespace {

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

/// Runs until SIGTERM or SIGINT; the signals are blocked in every thread and taken here.
int run(muster::tools::daemon_settings with) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  muster::tools::daemon d(std::move(with));
  if (auto started = d.start(); !started) {
    std::cerr << "musterd: " << started.error().detail << "\n";
    std::cerr.flush();
    ::_exit(1);
  }
  constexpr timespec minute{60, 0};
  while (sigtimedwait(&ends, nullptr, &minute) < 0) d.keep_house();
  d.stop();
  ::_exit(0);  // a thread that still dials holds nothing that must be kept
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == muster::instances::helper_word)
    return muster::instances::helper_main(argc - 2, argv + 2);
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
      ->excludes(bootstrap);
  app.add_option("--log-format", log_format)->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", log_level)
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  muster::tools::set_up_log(log_format, log_level);
  return run(std::move(with));
}
