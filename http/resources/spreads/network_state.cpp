#include "actors/keeper/networks/dhcp.hpp"
#include "http/resources/instances/instance_json.hpp"
#include "http/resources/resources.hpp"
#include "http/resources/spreads/spread_json.hpp"
#include "storage/identity.hpp"

#include <filesystem>
#include <sstream>
#include <unistd.h>

/// What networks are on this server now: their interfaces, and the addresses they have given out.
namespace muster::http {

namespace {

std::string interface_of(const network& n, member_id here) {
  if (n.type == "bridge") return n.name;
  const auto part = n.across.parts.find(here);
  return part == n.across.parts.end() ? std::string{} : value_in(part->second.config, "parent");
}

void write_bridge(json_writer& w, const std::string& name) {
  const auto folder = "/sys/class/net/" + name;
  const auto shown = [&](const char* file) {
    auto text = storage::read_file(folder + "/bridge/" + file);
    return text ? text->substr(0, text->find('\n')) : std::string{};
  };
  const auto number = [&](const char* file) {
    return static_cast<std::int64_t>(std::strtoll(shown(file).c_str(), nullptr, 10));
  };
  w.key("bridge").begin_object().field("id", shown("bridge_id"));
  w.field("stp", shown("stp_state") == "1").field("forward_delay", number("forward_delay"));
  w.field("vlan_default", number("default_pvid"));
  w.field("vlan_filtering", shown("vlan_filtering") == "1").key("upper_devices").begin_array();
  std::error_code none;
  for (const auto& port : std::filesystem::directory_iterator(folder + "/brif", none))
    w.value(port.path().filename().string());
  w.end_array().end_object();
}

response show_state(api& a, const request& r, const state_view& s) {
  const auto n = s.by_name<network>({}, r.found.at("name"));
  if (!n) return error(404, "Network not found");
  if (const auto target = r.parameter("target"); !target.empty()) {
    const auto m = s.by_name<member>({}, target);
    if (!m) return error(404, "Cluster member not found");
    if (m->id() != a.server().self()) return a.forward(r, *m);
  }
  const auto all = host::interfaces_of(::getpid());
  const auto at = all.find(interface_of(*n, a.server().self()));
  if (at == all.end()) return error(404, "Network interface not found");
  json_writer w;
  write_interface(w.begin_object(), at->second, false);
  w.key("bond").null();
  if (n->type == "bridge")
    write_bridge(w, n->name);
  else
    w.key("bridge").null();
  return sync(w.key("vlan").null().key("ovn").null().end_object().take());
}

std::string as_json(const keeper::lease& l, const char* type, const std::string& location) {
  json_writer w;
  w.begin_object().field("hostname", l.hostname).field("hwaddr", l.hwaddr);
  w.field("address", l.address).field("type", type).field("location", location);
  return w.end_object().take();
}

/// Of the bridge on this server: its own addresses, then what dnsmasq has given out; JSON objects
/// with commas between.
std::string own_leases(api& a, const network& n) {
  const auto location = a.server().is_clustered() ? a.server().name() : std::string("none");
  std::string all;
  const auto add = [&](const keeper::lease& l, const char* type) {
    all += (all.empty() ? "" : ",") + as_json(l, type, location);
  };
  for (const char* key : {"ipv4.address", "ipv6.address"}) {
    const auto address = value_in(n.config, key);
    if (address.find('/') != std::string::npos)
      add({n.name + ".gw", "", address.substr(0, address.find('/'))}, "gateway");
  }
  for (const auto& l : keeper::leases_in(a.server().data_dir(), n.name)) add(l, "dynamic");
  return all;
}

response show_leases(api& a, const request& r, const state_view& s) {
  const auto n = s.by_name<network>({}, r.found.at("name"));
  if (!n) return error(404, "Network not found");
  if (n->type != "bridge")
    return error(400, "Leases of networks of type " + n->type + " are not kept here");
  auto all = own_leases(a, *n);
  for (const auto& more : a.ask_others(s, "/internal/networks/" + n->name + "/leases"))
    all += (all.empty() || more.empty() ? "" : ",") + more;
  return sync("[" + all + "]");
}

response show_own_leases(api& a, const std::string& name) {
  const auto n = a.server().local_view()->by_name<network>({}, name);
  response out;
  out.content_type = "text/plain";
  if (n) out.body = own_leases(a, *n);
  return out;
}

}  // namespace

void add_network_state_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/networks/{name}/state",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               return show_state(a, r, s);
             }));
  routes.add("GET", "/1.0/networks/{name}/leases",
             a.reading([&a](const request& r, const captures&, const state_view& s) {
               return show_leases(a, r, s);
             }));
  routes.add("GET", "/internal/networks/{name}/leases",
             [&a](const request&, const captures& c) { return show_own_leases(a, c.at("name")); });
}

}  // namespace muster::http
