#include "actors/link/tls/https_client.hpp"
#include "actors/link/tls/tls_identity.hpp"
#include "actors/node/recovery/recovery.hpp"
#include "http/message/json_reader.hpp"
#include "schemas/basic/limits.hpp"
#include "tools/offline/offline.hpp"

#include <cstdio>
#include <future>
#include <iostream>
#include <map>

namespace muster::tools {

namespace {

using node::offline_view;
using node::reached_member;

std::optional<reached_member> ask(const node::offline_member& m, const tls::pem_pair& own) {
  const auto deadline = tls::clock::now() + limits::dial_deadline;
  tls::dial_options to;
  to.host_port = m.address;
  to.server_name = tls::member_name;
  to.pinned_fingerprint = m.fingerprint;
  to.own = &own;
  to.deadline = deadline;
  auto stream = tls::dial(to);
  if (!stream) return std::nullopt;
  tls::http_request question;
  question.target = "/internal/status";
  auto answer = tls::ask(**stream, question, {deadline, 1u << 20, {}});
  if (!answer || answer->status != 200) return std::nullopt;
  auto body = http::json_object::parse(http::json_at(answer->body, "metadata").value_or("{}"));
  if (!body) return std::nullopt;
  const auto number = [&](const char* key) {
    return static_cast<std::uint64_t>(body->number(key));
  };
  return reached_member{m.name, body->text("role"), {number("last_term")}, {number("last")}};
}

/// Prints what each member has; gives those that could be asked. All are asked at once.
std::vector<reached_member> show_members(const std::string& data_dir, const offline_view& here) {
  const auto own = tls::load(data_dir, "server");
  std::map<member_id, std::future<std::optional<reached_member>>> asked;
  for (const auto& m : here.all)
    if (m.id != here.who.member && own)
      asked[m.id] = std::async(std::launch::async, [&own, &m] { return ask(m, *own); });
  std::vector<reached_member> reached;
  std::cout << "cluster " << here.who.cluster_uuid << ", epoch " << here.who.epoch_counter << "\n";
  for (const auto& m : here.all) {
    std::printf("  %-20s %-24s %-9s ", m.name.c_str(), m.address.c_str(), m.role.c_str());
    std::fflush(stdout);
    if (m.id == here.who.member) {
      std::cout << "here: term " << here.last_term.value << ", index " << here.last.value
                << ", applied " << here.applied.value << std::endl;
      continue;
    }
    const auto said = own ? asked[m.id].get() : std::nullopt;
    if (said) reached.push_back(*said);
    if (said)
      std::cout << said->role << ": term " << said->last_term.value << ", index "
                << said->last.value << std::endl;
    else
      std::cout << "not reachable" << std::endl;
  }
  return reached;
}

constexpr const char* what_is_lost =
    "Whatever only the others hold is lost, and each of them must be reset and join again.";

}  // namespace

bool is_confirmed(const char* question) {
  std::cout << question << "\nDo you want to proceed? (yes/no): " << std::flush;
  std::string word;
  return std::getline(std::cin, word) && word == "yes";
}

status recover(const recover_options& with) {
  auto here = node::look_offline(with.data_dir);
  if (!here) return here.error();
  const auto reached = show_members(with.data_dir, *here);
  if (auto why = node::why_not_recover(*here, reached)) return *why;
  const auto next = std::to_string(here->who.epoch_counter + 1);
  if (with.is_dry_run) {
    std::cout << "dry run: this member would become the only voter, in epoch " << next
              << "; nothing was changed\n";
    return ok();
  }
  if (!with.is_sure && !is_confirmed(what_is_lost))
    return fail(errc::refused, "nothing was changed");
  auto epoch = node::recover(with.data_dir, *here, with.dead);
  if (!epoch) return epoch.error();
  std::cout << "recovered: epoch " << *epoch << "; what was here before is in " << with.data_dir
            << "/before-recover-" << *epoch
            << "\nStart this member. On each other one: `muster reset`; then `muster token NAME "
               "--replace` here "
               "and let it join again.\nThe containers of members that will not come back: `incus "
               "cluster remove --force NAME`\n";
  return ok();
}

}  // namespace muster::tools
