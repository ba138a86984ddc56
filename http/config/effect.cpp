#include "http/config/effect.hpp"

#include "http/config/instance_keys.hpp"
#include "http/config/project_keys.hpp"
#include "http/config/server_keys.hpp"
#include "http/config/spread_keys.hpp"
#include "http/resources/cluster/member_edit.hpp"
#include "schemas/basic/units.hpp"

namespace muster::http {

bool values::any(std::string_view) { return true; }
bool values::flag(std::string_view value) { return units::flag(value).has_value(); }
bool values::count(std::string_view value) { return units::number(value, 1ULL << 31).has_value(); }
bool values::size(std::string_view value) { return units::bytes(value).has_value(); }

namespace {

void add(std::vector<std::string>& to, const std::string& of, std::string_view key) {
  to.push_back(of + std::string(key) + (key.ends_with('.') ? "*" : ""));
}

void add(std::vector<std::string>& to, const std::string& of, const std::vector<config_key>& keys) {
  for (const auto& k : keys)
    if (k.does == effect::none) add(to, of, k.name);
}

}  // namespace

std::vector<std::string> keys_without_effect() {
  std::vector<std::string> all;
  add(all, "instance ", instance_keys());
  add(all, "project ", project_keys());
  for (const auto& k : device_keys())
    if (k.does == effect::none) add(all, "device " + std::string(k.type) + " ", k.name);
  for (const auto& key : server_keys_without_effect()) add(all, "server ", key);
  for (const auto& key : spread_keys_without_effect()) add(all, "", key);
  add(all, "group ", group_cpu_keys);
  return all;
}

}  // namespace muster::http
