#include "actors/instances/running.hpp"
#include "actors/link/probe.hpp"
#include "actors/link/tls/https_client.hpp"
#include "actors/link/tls/tls_identity.hpp"
#include "actors/node/join_token.hpp"
#include "actors/node/member_files.hpp"
#include "actors/node/removal/reset_files.hpp"
#include "http/message/json_reader.hpp"
#include "http/message/json_writer.hpp"
#include "storage/identity.hpp"
#include "tools/init.hpp"
#include "tools/offline/offline.hpp"
#include "tools/own_member.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <unistd.h>

/// What `incus` has no word for.
namespace muster::tools {

namespace {

using clock = tls::clock;

struct options {
  std::string what;  ///< of the status
  std::string data_dir;
  std::string name;
  bool replace = false;
  bool yes = false;
  bool stop_containers = false;
  std::string address;
  std::string certificate;
  std::string key;
};

status token(const options& with) {
  http::json_writer w;
  w.begin_object().field("server_name", with.name).field("cluster_token", "");
  if (with.replace) w.field("replace", true);
  w.end_object();
  auto operation = ask_member(with.data_dir, "POST", "/1.0/cluster/members", w.take());
  if (!operation) return operation.error();
  auto made = http::json_object::parse(http::json_at(*operation, "metadata").value_or("{}"));
  if (!made) return made.error();
  node::join_token t;
  t.server_name = made->text("serverName");
  t.fingerprint = made->text("fingerprint");
  t.addresses = made->list("addresses").value_or(std::vector<std::string>{});
  t.secret = made->text("secret");
  t.expires_at = made->text("expiresAt");
  std::cout << node::encode(t) << "\n";
  return ok();
}

status reset(const options& with) {
  if (::access(with.data_dir.c_str(), W_OK) != 0)
    return fail(errc::not_found, with.data_dir + " is not there or cannot be written");
  if (node::is_running(with.data_dir))
    return fail(errc::refused, "a server runs in " + with.data_dir + ": stop it first");
  const auto running = instances::running_in(with.data_dir);
  if (!running.empty() && !with.stop_containers)
    return fail(errc::refused, "containers run from " + with.data_dir + ": " +
                                   instances::names_of(running) +
                                   ". Nobody would look after them any more: say --stop-containers "
                                   "to stop them, or let this server go on");
  if (!with.yes)
    return fail(errc::bad_request,
                "everything in " + with.data_dir +
                    " but the server's own certificate goes to before-reset/, in place of what is "
                    "kept there; say --yes if this is wanted");
  if (auto ended = instances::end_running(with.data_dir, running); !ended) return ended;
  auto done = node::put_aside(with.data_dir, node::aside::everything);
  if (!done) return done;
  std::cout << "the old state is kept in " << with.data_dir
            << "/before-reset; the next start makes a new empty server\n";
  return ok();
}

std::string fault_sentence(std::int64_t voters, std::int64_t reachable) {
  if (voters <= 1) return "none may fail: every write is durable on one server only";
  const auto quorum = voters / 2 + 1;
  if (reachable < quorum)
    return "no quorum: " + std::to_string(reachable) + " of " + std::to_string(voters) +
           " voters reachable, " + std::to_string(quorum) + " needed";
  return std::to_string(reachable - quorum) + " more may fail";
}

const char* standing_of(const http::json_object& m) {
  if (m.flag("condemned")) return "  its state is wrong and being replaced";
  return m.flag("differs")
             ? "  its state differs from the leader's, and no majority of the voters tells who is "
               "right: let one of the two join again (muster token NAME --replace)"
             : "";
}

status show_status(const options& with) {
  auto json = ask_member(with.data_dir, "GET", "/internal/status", "");
  if (!json) return json.error();
  auto s = http::json_object::parse(*json);
  if (!s) return s.error();
  std::printf("member     %s (%s)\nleader     %s\nterm       %s\ncommit     %s\napplied    %s\n",
              s->text("name").c_str(), s->text("role").c_str(),
              s->text("leader").empty() ? "none" : s->text("leader").c_str(),
              http::json_at(*json, "term").value_or("?").c_str(),
              http::json_at(*json, "commit").value_or("?").c_str(),
              http::json_at(*json, "applied").value_or("?").c_str());
  if (const auto why = s->text("removed"); !why.empty())
    std::printf("removed    %s\n", why.c_str());
  if (s->flag("condemned"))
    std::printf("state      wrong: it serves nothing until the leader's has taken its place\n");
  std::int64_t voters = 0;
  std::int64_t reachable = 0;
  std::string table;
  for (const auto& m : s->objects("members").value_or(std::vector<http::json_object>{})) {
    const bool up = m.flag("reachable");
    const bool is_voter = m.text("kind") == "voter";
    voters += is_voter ? 1 : 0;
    reachable += is_voter && up ? 1 : 0;
    char line[512];
    std::snprintf(line, sizeof line, "  %-20s %-24s %-9s %-12s lag %s%s\n", m.text("name").c_str(),
                  m.text("address").c_str(), m.text("kind").c_str(),
                  up ? "reachable" : "unreachable",
                  m.has("lag") ? std::to_string(m.number("lag")).c_str() : "-", standing_of(m));
    table += line;
    if (const auto why = m.text("role_reason"); !why.empty())
      table += "    since " + m.text("role_since").substr(0, 19) + ": " + why + "\n";
  }
  std::printf("quorum     %lld of %lld voters; %s\nmembers\n%s",
              static_cast<long long>(voters / 2 + 1), static_cast<long long>(voters),
              fault_sentence(voters, reachable).c_str(), table.c_str());
  return ok();
}

/// Image by image: how many copies there are of how many wanted, and what each member has.
status show_images(const options& with) {
  auto json = ask_member(with.data_dir, "GET", "/internal/images/status", "");
  if (!json) return json.error();
  auto answer = http::json_object::parse("{\"images\":" + *json + "}");
  if (!answer) return answer.error();
  for (const auto& i : answer->objects("images").value_or(std::vector<http::json_object>{})) {
    std::string line = i.text("fingerprint").substr(0, 12) + "  " +
                       std::to_string(i.number("here")) + " of " +
                       std::to_string(i.number("wanted"));
    const auto members = i.object("members");
    for (const auto& name : members.names()) line += "  " + name + ": " + members.text(name);
    std::printf("%s\n", line.c_str());
  }
  return ok();
}

result<tls::pem_pair> probe_identity(const options& with) {
  if (with.certificate.empty()) return tls::load(with.data_dir, "server");
  auto certificate = storage::read_file(with.certificate);
  if (!certificate) return certificate.error();
  auto key = storage::read_file(with.key);
  if (!key) return key.error();
  return tls::pem_pair{*certificate, *key};
}

status probe(const options& with) {
  const auto deadline = clock::now() + std::chrono::milliseconds(2800);
  auto own = probe_identity(with);
  if (!own) return own.error();
  tls::dial_options to;
  to.host_port = with.address;
  to.own = &*own;
  to.deadline = deadline;
  auto stream = tls::dial(to);
  if (!stream) return stream.error();
  tls::http_request ask;
  ask.target = "/internal/probe";
  if (auto up = tls::upgrade(**stream, ask, "muster-probe", deadline); !up) return up.error();
  auto report = link::ask_probe(
      *stream, std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()));
  if (!report) return report.error();
  std::string members;
  for (const auto& m : report->members) members += (members.empty() ? "" : ", ") + m;
  std::printf(
      "name       %s\nversion    %s\nrole       %s\nterm       %llu\nleader     %s\ncommit     "
      "%llu\n"
      "applied    %llu\nmembers    %s\nuptime     %.1f s\n",
      report->name.c_str(), report->version.c_str(), report->role.c_str(),
      static_cast<unsigned long long>(report->term.value),
      report->leader.empty() ? "none" : report->leader.c_str(),
      static_cast<unsigned long long>(report->commit.value),
      static_cast<unsigned long long>(report->applied.value), members.c_str(),
      static_cast<double>(report->uptime_ms) / 1000);
  return ok();
}

}  // namespace

int main_of(int argc, char** argv) {
  CLI::App app{"muster: what the incus client has no word for"};
  options with;
  app.require_subcommand(1);
  const auto data_dir = [&](CLI::App* to) {
    return to->add_option("--data-dir", with.data_dir)->envname("INCUS_DIR");
  };
  auto* make_token = app.add_subcommand("token", "print a join token for a new member");
  make_token->add_option("NAME", with.name)->required();
  make_token->add_flag("--replace", with.replace, "the member of that name has lost its disk");
  data_dir(make_token)->required();
  auto* init = app.add_subcommand(
      "init", "a first storage pool and a root disk in the default profile, if there are none");
  data_dir(init)->required();
  auto* status_of =
      app.add_subcommand("status", "leader, term, commit, lag, quorum, how many may fail");
  data_dir(status_of)->required();
  status_of->add_option("what", with.what, "images: which member has which")
      ->check(CLI::IsMember({"images"}));
  auto* probing = app.add_subcommand("probe", "ask a member as a CAF remote actor");
  probing->add_option("HOST:PORT", with.address)->required();
  data_dir(probing);
  auto* certificate = probing->add_option("--cert", with.certificate);
  probing->add_option("--key", with.key)->needs(certificate);
  recover_options recovery;
  auto* recovering = app.add_subcommand(
      "recover", "no quorum will come back: let the cluster go on from this stopped member");
  recovering->add_option("--data-dir", recovery.data_dir)->envname("INCUS_DIR")->required();
  recovering
      ->add_option("--confirm-dead", recovery.dead,
                   "members that are dead for certain: their containers stop counting")
      ->delimiter(',');
  recovering->add_flag("--dry-run", recovery.is_dry_run, "only show what is there");
  recovering->add_flag("--yes", recovery.is_sure, "do not ask");
  auto* resetting = app.add_subcommand(
      "reset", "make a stopped server a new empty one; its old state is kept in before-reset/");
  data_dir(resetting)->required();
  resetting->add_flag("--yes", with.yes, "do it");
  resetting->add_flag("--stop-containers", with.stop_containers,
                      "containers that still run are shut down, or killed after ten seconds");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  const auto done = *make_token   ? token(with)
                    : *init       ? init_storage(with.data_dir)
                    : *status_of  ? with.what.empty() ? show_status(with) : show_images(with)
                     : *resetting ? reset(with)
                    : *recovering ? recover(recovery)
                                  : probe(with);
  if (done) return 0;
  std::cerr << "muster: " << done.error().detail << "\n";
  return 1;
}

}  // namespace muster::tools

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const int code = muster::tools::main_of(argc, argv);
  std::fflush(stdout);
  ::_exit(code);  // a probe that hangs must not keep the program
}
