#include "schemas/expanded.hpp"

#include "schemas/projects.hpp"

namespace muster {

namespace {

void lay_over(expanded& all, const string_map& config, const device_map& devices) {
  for (const auto& [key, value] : config) all.config[key] = value;
  for (const auto& [name, device] : devices) all.devices[name] = device;
}

}  // namespace

expanded expand(const state_view& s, const instance& row, const profile* changed) {
  expanded all;
  const auto home = home_of(s, row.head.project, "profiles");
  for (const auto& name : row.profiles) {
    const auto p = s.by_name<profile>(home, name);
    if (!p) continue;
    const auto& now = changed && changed->head.id == p->head.id ? *changed : *p;
    lay_over(all, now.config, now.devices);
  }
  lay_over(all, row.config, row.devices);
  return all;
}

std::string root_pool_of(const device_map& devices) {
  for (const auto& [name, device] : devices)
    if (value_in(device, "type") == "disk" && value_in(device, "path") == "/")
      if (auto pool = value_in(device, "pool"); !pool.empty()) return pool;
  return {};
}

}  // namespace muster
