#include "http/config_keys.hpp"

#include "schemas/limits.hpp"

#include <charconv>
#include <map>

namespace muster::http {

namespace {

struct range {
  std::int64_t least;
  std::int64_t most;
  bool odd = false;
};

const std::map<std::string, range>& number_keys() {
  static const std::map<std::string, range> all{
      {"cluster.offline_threshold", {10, 86400}},    {"cluster.healing_threshold", {0, 1 << 30}},
      {"cluster.images_minimal_replica", {-1, 100}}, {"cluster.election_timeout", {100, 10'000}},
      {"cluster.max_voters", {3, 99, true}},         {"cluster.max_standby", {0, 5}},
      {"images.auto_update_interval", {0, 1 << 20}}, {"images.remote_cache_expiry", {0, 1 << 20}},
      {"core.shutdown_timeout", {0, 1 << 20}}};
  return all;
}

const std::map<std::string, bool>& text_keys() {
  static const std::map<std::string, bool> all{{"cluster.join_token_expiry", true},
                                               {"core.remote_token_expiry", true},
                                               {"images.default_architecture", true},
                                               {"images.auto_update_cached", true}};
  return all;
}

failure bad(const std::string& key, const std::string& value, const std::string& why) {
  return fail(errc::bad_request, "cannot set '" + key + "' to '" + value + "': " + why);
}

}  // namespace

bool is_local_key(const std::string& key) {
  return key == "core.https_address" || key == "cluster.https_address";
}

status check_config(const std::string& key, const std::string& value) {
  if (value.size() > limits::config_value_bytes_max) return bad(key, "…", "the value is too long");
  if (key.starts_with("user.")) return ok();
  if (text_keys().contains(key)) return ok();
  const auto known = number_keys().find(key);
  if (known == number_keys().end()) return bad(key, value, "unknown key");
  if (value.empty()) return ok();
  std::int64_t number = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
  const auto& [least, most, odd] = known->second;
  if (read.ec != std::errc{} || read.ptr != value.data() + value.size())
    return bad(key, value, "Invalid value for an integer \"" + value + "\"");
  if (number < least || number > most || (odd && number % 2 == 0))
    return bad(key, value,
               "Value must be " + std::string(odd ? "an odd number " : "") + "between " +
                   std::to_string(least) + " and " + std::to_string(most));
  return ok();
}

status check_instance_config(const std::string& key, const std::string& value) {
  static const std::map<std::string, bool> known{
      {"limits.cpu", true},          {"limits.memory", true},  {"limits.processes", true},
      {"security.privileged", true}, {"boot.autostart", true}, {"cluster.evacuate", true}};
  if (value.size() > limits::config_value_bytes_max)
    return fail(errc::bad_request, "The value of " + key + " is too long");
  if (key.starts_with("user.") || key.starts_with("volatile.") || key.starts_with("image.") ||
      key.starts_with("environment.") || known.contains(key))
    return ok();
  return fail(errc::bad_request, "Unknown configuration key: " + key);
}

}  // namespace muster::http
