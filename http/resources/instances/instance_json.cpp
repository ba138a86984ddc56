#include "http/resources/instances/instance_json.hpp"

#include "actors/host/net_interfaces.hpp"
#include "actors/instances/lxc/cgroups.hpp"
#include "actors/state/commands/lifecycle.hpp"
#include "schemas/expanded.hpp"
#include "schemas/projects.hpp"

#include <unistd.h>

namespace muster::http {

void write_interface(json_writer& w, const host::net_interface& of, bool with_errors) {
  w.key("addresses").begin_array();
  for (const auto& a : of.addresses)
    w.begin_object()
        .field("family", a.family)
        .field("address", a.address)
        .field("netmask", a.netmask)
        .field("scope", a.scope)
        .end_object();
  w.end_array().key("counters").begin_object();
  w.field("bytes_received", of.counts.bytes_received).field("bytes_sent", of.counts.bytes_sent);
  w.field("packets_received", of.counts.packets_received);
  w.field("packets_sent", of.counts.packets_sent);
  if (with_errors) {
    w.field("errors_received", of.counts.errors_received);
    w.field("errors_sent", of.counts.errors_sent);
    w.field("packets_dropped_outbound", of.counts.dropped_sent);
    w.field("packets_dropped_inbound", of.counts.dropped_received);
  }
  w.end_object().field("hwaddr", of.hwaddr).field("mtu", of.mtu);
  w.field("state", of.is_up ? "up" : "down");
  w.field("type", of.is_loopback ? "loopback" : "broadcast");
}

namespace instance_json {

namespace {

string_map shown_config(const instance& row, string_map config) {
  config["volatile.base_image"] = row.image_fingerprint;
  config["volatile.uuid"] = row.uuid;
  if (row.wanted != power::stopped) config["volatile.last_state.power"] = "RUNNING";
  return config;
}

void write_network(json_writer& w, pid_t pid) {
  w.key("network").begin_object();
  for (const auto& [name, i] : host::interfaces_of(pid)) {
    write_interface(w.key(name).begin_object(), i, true);
    w.field("host_name", "").end_object();
  }
  w.end_object();
}

}  // namespace

shown_status status_of(const instance& row) {
  switch (row.status) {
    case instance_status::running:
      return {"Running", 103};
    case instance_status::frozen:
      return {"Frozen", 110};
    case instance_status::error:
      return {"Error", 112};
    case instance_status::creating:
    case instance_status::stopped:
      break;
  }
  return {"Stopped", 102};
}

std::string url(const state_view& s, const instance& row) { return state::path_of(s, row); }

std::string whole(const state_view& s, const instance& row, bool is_owner_online,
                  const std::optional<std::string>& state_json) {
  const auto owner = s.row<member>({}, {row.owner.value});
  const auto c = s.only<cluster>();
  const auto status = is_owner_online ? status_of(row) : shown_status{"Error", 112};
  json_writer w;
  w.begin_object().field("architecture", row.architecture);
  w.field("config", shown_config(row, row.config)).field("devices", row.devices);
  w.field("ephemeral", row.ephemeral)
      .field("profiles", row.profiles)
      .field("stateful", row.stateful);
  w.field("description", row.description).field("created_at", render::time(row.head.created_ms));
  w.field("expanded_config", shown_config(row, expand(s, row).config));
  w.field("expanded_devices", expand(s, row).devices).field("name", row.name);
  w.field("status", status.text).field("status_code", status.code);
  w.field("last_used_at",
          row.last_used_ms == 0 ? "1970-01-01T00:00:00Z" : render::time(row.last_used_ms));
  w.field("location", c && c->enabled ? (owner ? owner->name : "") : "none")
      .field("type", row.type);
  w.field("project", project_name(s, row.head.project));
  if (state_json) {
    w.key("backups").null().key("state");
    if (state_json->empty())
      w.null();
    else
      w.raw(*state_json);
    w.key("snapshots").null();
  }
  return w.end_object().take();
}

std::string state(const instance& row, const std::optional<instances::usage>& use) {
  const auto status = use ? status_of(row) : shown_status{"Stopped", 102};
  const auto u = use.value_or(instances::usage{});
  json_writer w;
  w.begin_object().field("status", status.text).field("status_code", status.code);
  w.key("disk").begin_object().end_object();
  w.key("memory")
      .begin_object()
      .field("usage", u.memory_bytes)
      .field("usage_peak", u.memory_peak_bytes);
  w.field("total", use ? instances::memory_total_bytes() : std::uint64_t{0});
  w.field("swap_usage", 0).field("swap_usage_peak", 0).end_object();
  if (use)
    write_network(w, u.pid);
  else
    w.key("network").null();
  w.field("pid", static_cast<std::int64_t>(u.pid)).field("processes", u.processes);
  w.key("cpu").begin_object().field("usage", u.cpu_ns);
  w.field("allocated_time",
          use ? static_cast<std::int64_t>(::sysconf(_SC_NPROCESSORS_ONLN)) * 1'000'000'000 : 0)
      .end_object();
  w.field("started_at", render::time_or_zero(u.started_ms)).key("os_info").null();
  return w.end_object().take();
}

std::string writable(const instance& row) {
  json_writer w;
  w.begin_object()
      .field("architecture", row.architecture)
      .field("config", shown_config(row, row.config));
  w.field("devices", row.devices).field("ephemeral", row.ephemeral).field("profiles", row.profiles);
  w.field("description", row.description);
  return w.end_object().take();
}

}  // namespace instance_json

}  // namespace muster::http
