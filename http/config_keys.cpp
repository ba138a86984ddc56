#include "http/config_keys.hpp"

#include "schemas/limits.hpp"

#include <map>

namespace muster::http {

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
