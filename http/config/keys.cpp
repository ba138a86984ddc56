#include "http/config/keys.hpp"

#include "http/config/instance_keys.hpp"
#include "http/config/member_keys.hpp"
#include "http/config/project_keys.hpp"
#include "http/config/server_keys.hpp"
#include "http/config/spread_keys.hpp"
#include "http/message/json_writer.hpp"
#include "schemas/basic/units.hpp"

#include <algorithm>

namespace muster::http {

bool values::is_any(std::string_view) { return true; }
bool values::is_flag(std::string_view value) { return units::flag(value).has_value(); }
bool values::is_count(std::string_view value) {
  return units::number(value, 1ULL << 31).has_value();
}
bool values::is_size(std::string_view value) { return units::bytes(value).has_value(); }
bool values::is_seconds(std::string_view value) {
  return units::number(value, 100'000'000).has_value();
}
bool values::is_priority(std::string_view value) { return units::number(value, 10).has_value(); }

const config_key* find_key(std::span<const config_key> all, std::string_view key) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const config_key& k) {
    return k.name.ends_with('.') ? key.starts_with(k.name) : key == k.name;
  });
  return at == all.end() ? nullptr : &*at;
}

failure not_yet(std::string_view key) {
  return fail(errc::bad_request,
              "The key \"" + std::string(key) +
                  "\" is not supported yet: to keep it without effect would promise what is not "
                  "there");
}

const std::vector<key_table>& all_key_tables() {
  static const auto all = [] {
    std::vector<key_table> made{{"server", "server", server_keys()},
                                {"instance", "instance", instance_keys()},
                                {"project", "project", project_keys()},
                                {"cluster", "cluster", member_keys()},
                                {"cluster-group", "cluster-group", group_keys()}};
    for (const auto& t : device_keys()) made.push_back(t);
    for (const auto& t : spread_keys()) made.push_back(t);
    return made;
  }();
  return all;
}

std::vector<std::string> keys_without_effect() {
  std::vector<std::string> all;
  for (const auto& t : all_key_tables())
    for (const auto& k : t.keys)
      if (k.does == effect::none)
        all.push_back(std::string(t.of) +
                      (t.kind == t.of || t.kind == "common" ? "" : " " + std::string(t.kind)) +
                      " " + std::string(k.name) + (k.name.ends_with('.') ? "*" : ""));
  return all;
}

namespace {

void write_key(json_writer& w, const config_key& k) {
  w.begin_object().key(std::string(k.name) + (k.name.ends_with('.') ? "*" : "")).begin_object();
  if (!k.by_default.empty()) w.field("defaultdesc", "`" + std::string(k.by_default) + "`");
  std::string more;
  if (k.does == effect::none) more = "Kept, and without effect yet.";
  if (k.does == effect::refused) more = "Not supported yet: refused.";
  w.field("liveupdate", k.does == effect::acts ? "yes" : "no").field("longdesc", more);
  w.field("shortdesc", k.about).field("type", k.takes.type).end_object().end_object();
}

}  // namespace

std::string configuration_json() {
  const auto& all = all_key_tables();
  json_writer w;
  w.begin_object().key("configs").begin_object();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == 0 || all[i].of != all[i - 1].of) w.key(all[i].of).begin_object();
    w.key(all[i].kind).begin_object().key("keys").begin_array();
    for (const auto& k : all[i].keys) write_key(w, k);
    w.end_array().end_object();
    if (i + 1 == all.size() || all[i + 1].of != all[i].of) w.end_object();
  }
  return w.end_object().end_object().take();
}

}  // namespace muster::http
