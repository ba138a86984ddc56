#include "actors/instances/lxc/process.hpp"
#include "actors/keeper/maker.hpp"
#include "actors/keeper/networks/addresses.hpp"
#include "actors/keeper/networks/dhcp.hpp"
#include "schemas/basic/units.hpp"
#include "storage/identity.hpp"

#include <algorithm>
#include <fstream>
#include <net/if.h>
#include <sstream>
#include <unistd.h>

namespace muster::keeper {

namespace {

using namespace std::chrono_literals;
constexpr auto time_max = 10s;

status run(std::vector<std::string> command) {
  auto done = instances::run_program(command, time_max);
  return done ? ok() : status(done.error());
}

/// What tells a bridge of this member from others: several members can share a host.
std::string mark_of(const wish& w) {
  return "muster:" + std::to_string(std::hash<std::string>{}(w.data_dir) % 1'000'000'007);
}

bool is_ours(const wish& w) {
  auto shown = instances::run_program({"ip", "-o", "link", "show", "dev", w.name}, time_max);
  return shown && shown->find(mark_of(w)) != std::string::npos;
}

status make_link(const wish& w) {
  if (::if_nametoindex(w.name.c_str()) != 0) {
    if (is_ours(w)) return ok();
    return fail(errc::refused, "Network interface \"" + w.name + "\" already exists");
  }
  if (auto made = run({"ip", "link", "add", "dev", w.name, "type", "bridge"}); !made) return made;
  return run({"ip", "link", "set", "dev", w.name, "alias", mark_of(w)});
}

std::vector<std::string> words_of(std::string text) {
  for (auto& c : text)
    if (c == ',') c = ' ';
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

status set_ports(const wish& w) {
  const auto wanted = words_of(w.value("bridge.external_interfaces"));
  if (w.before)
    for (const auto& port : words_of(w.before->contains("bridge.external_interfaces")
                                         ? w.before->at("bridge.external_interfaces")
                                         : ""))
      if (std::find(wanted.begin(), wanted.end(), port) == wanted.end())
        (void)run({"ip", "link", "set", "dev", port, "nomaster"}).ok();
  for (const auto& port : wanted) {
    if (::if_nametoindex(port.c_str()) == 0)
      return fail(errc::refused, "External interface \"" + port + "\" not found");
    if (auto set = run({"ip", "link", "set", "dev", port, "master", w.name}); !set) return set;
    if (auto up = run({"ip", "link", "set", "dev", port, "up"}); !up) return up;
  }
  return ok();
}

bool is_address(const std::string& text) { return !text.empty() && text != "none"; }

status set_addresses(const wish& w) {
  for (const char* key : {"ipv4.address", "ipv6.address"}) {
    const auto wanted = w.value(key);
    const auto at = w.before ? w.before->find(key) : string_map::const_iterator{};
    if (w.before && at != w.before->end() && at->second != wanted && is_address(at->second))
      (void)run({"ip", "addr", "del", at->second, "dev", w.name}).ok();
    if (is_address(wanted))
      if (auto set = run({"ip", "addr", "replace", wanted, "dev", w.name}); !set) return set;
  }
  return ok();
}

std::string table_of(const wish& w) { return "muster_" + w.name; }

void drop_nat(const wish& w) { (void)run({"nft", "delete", "table", "ip", table_of(w)}).ok(); }

status set_nat(const wish& w) {
  drop_nat(w);
  const auto net = parse_subnet(w.value("ipv4.address"));
  if (!net || !units::is_true(w.value("ipv4.nat"))) return ok();
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << "1\n";
  const auto range = dotted(net->network()) + "/" + std::to_string(net->bits);
  return run({"nft", "add table ip " + table_of(w) + "; add chain ip " + table_of(w) +
                         " outgoing { type nat hook postrouting priority srcnat; }; add rule ip " +
                         table_of(w) + " outgoing ip saddr " + range + " ip daddr != " + range +
                         " masquerade"});
}

status set_link(const wish& w) {
  if (const auto mtu = w.value("bridge.mtu"); !mtu.empty())
    if (auto set = run({"ip", "link", "set", "dev", w.name, "mtu", mtu}); !set) return set;
  if (const auto address = w.value("bridge.hwaddr"); !address.empty())
    if (auto set = run({"ip", "link", "set", "dev", w.name, "address", address}); !set) return set;
  return run({"ip", "link", "set", "dev", w.name, "up"});
}

status make(const wish& w) {
  for (const auto step : {make_link, set_ports, set_link, set_addresses, set_nat, serve_dhcp})
    if (auto done = step(w); !done) return done;
  return ok();
}

}  // namespace

result<string_map> make_bridge(const wish& w) {
  if (::geteuid() != 0)
    return fail(errc::refused, "a bridge needs root: this server runs as an ordinary user");
  const bool was_there = ::if_nametoindex(w.name.c_str()) != 0;
  auto made = make(w);
  if (made) return string_map{};
  if (!was_there) (void)remove_bridge(w).ok();
  return made.error();
}

status remove_bridge(const wish& w) {
  if (::geteuid() != 0) return ok();  // it was never made
  end_dhcp(w);
  drop_nat(w);
  if (::if_nametoindex(w.name.c_str()) == 0 || !is_ours(w)) return ok();
  return run({"ip", "link", "del", "dev", w.name});
}

}  // namespace muster::keeper
