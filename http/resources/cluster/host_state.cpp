#include "actors/keeper/pools/pool_places.hpp"
#include "http/resources/resources.hpp"

#include <cstdio>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

namespace muster::http {

namespace {

void write_sysinfo(json_writer& w) {
  struct sysinfo now {};
  ::sysinfo(&now);
  const auto bytes = [&](unsigned long units) { return std::uint64_t{units} * now.mem_unit; };
  w.key("sysinfo").begin_object().field("uptime", static_cast<std::int64_t>(now.uptime));
  w.key("load_averages").begin_array();
  for (const auto load : now.loads) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", static_cast<double>(load) / (1 << SI_LOAD_SHIFT));
    w.raw(text);
  }
  w.end_array();
  w.field("total_ram", bytes(now.totalram)).field("free_ram", bytes(now.freeram));
  w.field("shared_ram", bytes(now.sharedram)).field("buffered_ram", bytes(now.bufferram));
  w.field("total_swap", bytes(now.totalswap)).field("free_swap", bytes(now.freeswap));
  w.field("processes", static_cast<std::uint64_t>(now.procs)).end_object();
}

void write_pair(json_writer& w, const char* name, std::uint64_t total, std::uint64_t free) {
  w.key(name).begin_object().field("used", total - free).field("total", total).end_object();
}

}  // namespace

/// Of a pool that is not made here: the server's own.
void render::pool_space(json_writer& w, const std::string& data_dir, const object& pool) {
  struct statvfs disk {};
  const auto place = keeper::pool_place(data_dir, std::string(name_of(pool)));
  w.begin_object();
  if (::statvfs(place.c_str(), &disk) == 0 || ::statvfs(data_dir.c_str(), &disk) == 0) {
    write_pair(w, "space", disk.f_blocks * disk.f_frsize, disk.f_bfree * disk.f_frsize);
    write_pair(w, "inodes", disk.f_files, disk.f_ffree);
  }
  w.end_object();
}

namespace {

response show_host(api& a, const request& r, const std::string& name) {
  auto read = a.server().read(node::freshness::usual);
  if (!read) return error(read.error());
  const auto m = read->state->by_name<member>({}, name);
  if (!m) return error(404, "Cluster member not found");
  if (m->id() != a.server().self()) return a.forward(r, *m);
  json_writer w;
  write_sysinfo(w.begin_object());
  w.key("storage_pools").begin_object();
  for (const auto& pool : read->state->all<storage_pool>())
    render::pool_space(w.key(pool.name), a.server().data_dir(), pool);
  return sync(w.end_object().end_object().take());
}

}  // namespace

void add_member_state_routes(router& routes, api& a) {
  routes.add("GET", "/1.0/cluster/members/{name}/state",
             [&a](const request& r, const captures& c) { return show_host(a, r, c.at("name")); });
}

}  // namespace muster::http
