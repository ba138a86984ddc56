#include "tools/init.hpp"

#include "http/message/json_reader.hpp"
#include "http/message/json_writer.hpp"
#include "tools/own_member.hpp"

#include <algorithm>

namespace muster::tools {

namespace {

constexpr const char* pools = "/1.0/storage-pools";
constexpr const char* profile = "/1.0/profiles/default";

/// The name of a pool that is there, else of the one that is made.
result<std::string> first_pool(const std::string& data_dir) {
  auto found = ask_member(data_dir, "GET", pools, "");
  if (!found) return found.error();
  http::json_writer w;
  w.begin_object().key("pools").raw(*found).end_object();
  auto listed = http::json_object::parse(w.take());
  if (!listed) return listed.error();
  const auto urls = listed->list("pools").value_or(std::vector<std::string>{});
  const auto own = std::string(pools) + "/default";
  if (std::find(urls.begin(), urls.end(), own) != urls.end()) return std::string("default");
  if (!urls.empty()) return urls.front().substr(own.size() - std::string("default").size());
  http::json_writer pool;
  pool.begin_object().field("name", "default").field("driver", "dir").end_object();
  auto made = ask_member(data_dir, "POST", pools, pool.take());
  return made ? result<std::string>(std::string("default")) : made.error();
}

bool has_root(const http::json_object& shown) {
  for (const auto& [name, device] : shown.devices("devices").value_or(device_map{}))
    if (const auto path = device.find("path"); path != device.end() && path->second == "/")
      return true;
  return false;
}

}  // namespace

status init_storage(const std::string& data_dir) {
  auto pool = first_pool(data_dir);
  if (!pool) return pool.error();
  auto json = ask_member(data_dir, "GET", profile, "");
  if (!json) return json.error();
  auto shown = http::json_object::parse(*json);
  if (!shown) return shown.error();
  if (has_root(*shown)) return ok();
  http::json_writer w;
  w.begin_object().field("devices",
                         device_map{{"root", {{"type", "disk"}, {"path", "/"}, {"pool", *pool}}}});
  auto done = ask_member(data_dir, "PATCH", profile, w.end_object().take());
  return done ? ok() : status(done.error());
}

}  // namespace muster::tools
