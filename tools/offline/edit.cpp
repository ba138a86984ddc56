#include "tools/offline/edit.hpp"

#include "http/resources/server/listeners.hpp"
#include "tools/offline/offline.hpp"
#include "tools/own_member.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <set>
#include <unistd.h>

namespace muster::tools {

namespace {

using node::offline_member;
using node::offline_view;

constexpr std::size_t text_bytes_max = 1u << 20;

result<std::vector<offline_member>> members_in(const std::string& yaml) {
  std::vector<offline_member> all;
  try {
    for (const auto& m : YAML::Load(yaml)["members"])
      all.push_back({{m["id"].as<std::uint64_t>()},
                     m["name"].as<std::string>(),
                     m["address"].as<std::string>(),
                     {},
                     m["role"].as<std::string>()});
  } catch (const YAML::Exception& e) {
    return fail(errc::bad_request, std::string("that is no list of members: ") + e.what());
  }
  return all;
}

result<std::string> with_editor(const std::string& text) {
  auto path = (std::filesystem::temp_directory_path() / "muster-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  if (fd < 0) return fail(errc::refused, "no file can be made for the editor");
  ::close(fd);
  auto edited = [&]() -> result<std::string> {
    if (auto stored = storage::write_file_durably(path, text); !stored) return stored.error();
    if (std::system(("${VISUAL:-${EDITOR:-vi}} '" + path + "'").c_str()) != 0)
      return fail(errc::refused, "the editor has failed; nothing was changed");
    return storage::read_file(path);
  }();
  ::unlink(path.c_str());
  return edited;
}

/// What comes on standard input, to its end: whoever writes it may still hold the store.
std::optional<std::string> piped_text() {
  if (::isatty(STDIN_FILENO)) return std::nullopt;
  std::string text(text_bytes_max, '\0');
  std::cin.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::cin.gcount()));
  return text;
}

/// Where the member itself listens: its own file says so, if no `--address` does.
status move_own(const std::string& data_dir, const std::string& from, const std::string& to) {
  const auto file = data_dir + "/addresses";
  auto own = http::load_addresses(file);
  for (auto* address : {&own.core, &own.cluster})
    if (*address == from || address->empty()) *address = to;
  return http::store_addresses(file, own);
}

}  // namespace

result<std::vector<moved_member>> moved_in(const offline_view& here, const std::string& yaml) {
  auto wanted = members_in(yaml);
  if (!wanted) return wanted.error();
  if (wanted->size() < here.all.size())
    return fail(errc::bad_request, "Removing cluster members is not supported");
  if (wanted->size() > here.all.size())
    return fail(errc::bad_request, "Adding cluster members is not supported");
  std::vector<moved_member> moved;
  std::set<std::string> addresses;
  for (std::size_t i = 0; i < here.all.size(); ++i) {
    const auto& is = here.all[i];
    const auto& next = (*wanted)[i];
    if (next.id != is.id)
      return fail(errc::bad_request, "Changing cluster member ID is not supported");
    if (next.name != is.name)
      return fail(errc::bad_request, "Changing cluster member name is not supported");
    if (next.role != is.role)
      return fail(errc::bad_request,
                  "Changing the role of " + is.name +
                      " is not supported: the cluster chooses who votes. If no quorum will come "
                      "back: muster recover");
    auto address = http::checked_address(next.address);
    if (!address) return address.error();
    if (http::is_wildcard(*address))
      return fail(errc::bad_request, *address + " is no address that members can dial");
    if (!addresses.insert(*address).second)
      return fail(errc::bad_request, "two members cannot have the address " + *address);
    if (*address != is.address) moved.push_back({is.id, is.name, is.address, *address});
  }
  return moved;
}

status edit_cluster(const std::string& data_dir) {
  auto piped = piped_text();
  auto here = node::look_offline(data_dir);
  if (!here) return here.error();
  auto text = piped ? result<std::string>(*std::move(piped)) : with_editor(as_yaml(*here));
  if (!text) return text.error();
  auto moved = moved_in(*here, *text);
  if (!moved) return moved.error();
  for (const auto& m : *moved) {
    if (m.id == here->who.member)
      if (auto own = move_own(data_dir, m.from, m.to); !own) return own;
    auto& edited = here->edited;
    const auto known = std::find_if(edited.begin(), edited.end(), [&](const auto& e) {
      return e.id == m.id && e.to == m.from;  // edited before, and not yet known to the cluster
    });
    if (known != edited.end())
      known->to = m.to;
    else
      edited.push_back({m.id, m.from, m.to});
  }
  if (auto stored = node::store_edited(data_dir, here->edited); !stored) return stored;
  for (const auto& m : *moved)
    std::cout << m.name << ": " << m.from << " -> " << m.to
              << (m.id == here->who.member ? " (this member; --address goes before it)\n" : "\n");
  return ok();
}

status remove_raft_node(const std::string& data_dir, const std::string& address, bool is_sure) {
  constexpr const char* question =
      "The member with this address gives its role to another one that is online.";
  if (!is_sure && !is_confirmed(question)) return fail(errc::refused, "nothing was changed");
  auto done = ask_member(data_dir, "DELETE", "/internal/cluster/raft-node/" + address, "");
  return done ? ok() : status(done.error());
}

}  // namespace muster::tools
