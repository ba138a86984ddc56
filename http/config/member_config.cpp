#include "http/config/member_config.hpp"

#include "http/message/json_writer.hpp"
#include "schemas/basic/limits.hpp"

#include <algorithm>

namespace muster::http {

std::string member_config_json(const state_view& s, member_id self) {
  struct asked {
    std::string entity;
    std::string name;
    std::string key;
    auto operator<=>(const asked&) const = default;
  };
  std::vector<asked> all;
  each_spread(s, [&](const object& row) {
    const auto& parts = spread_of(row)->parts;
    const auto own = parts.find(self);
    if (own == parts.end() || spread_of(row)->is_pending) return true;
    const bool is_pool = table_of(row) == table::storage_pool;
    for (const auto& [key, value] : own->second.config)
      if (!key.starts_with("volatile."))
        all.push_back({is_pool ? "storage-pool" : "network", std::string(name_of(row)), key});
    return true;
  });
  std::sort(all.begin(), all.end());
  json_writer w;
  w.begin_array();
  for (const auto& k : all) {
    w.begin_object().field("entity", k.entity).field("name", k.name).field("key", k.key);
    w.field("value", "");
    w.field("description", "\"" + k.key + "\" property for " +
                               (k.entity == "network" ? "network" : "storage pool") + " \"" +
                               k.name + "\"");
    w.end_object();
  }
  return w.end_array().take();
}

result<std::vector<member_key>> read_member_config(const json_object& body) {
  std::vector<member_key> all;
  const auto given = body.objects("member_config");
  if (auto good = body.good(); !good) return good.error();
  if (!given) return all;
  if (given->size() > limits::member_keys_max)
    return fail(errc::bad_request, "member_config has too many keys");
  for (const auto& k : *given) {
    const auto entity = k.text("entity");
    if (entity != "storage-pool" && entity != "network")
      return fail(errc::bad_request, "Invalid entity \"" + entity + "\" in member_config");
    member_key key{entity == "network" ? table::network : table::storage_pool, k.text("name"),
                   k.text("key"), k.text("value")};
    if (auto good = k.good(); !good) return good.error();
    for (const auto* text : {&key.name, &key.key, &key.value})
      if (text->size() > limits::member_value_bytes_max ||
          text->find_first_of("\t\n") != std::string::npos)
        return fail(errc::bad_request, "a value of member_config is too long or of several lines");
    all.push_back(std::move(key));
  }
  return all;
}

}  // namespace muster::http
