#include "http/config/member_keys.hpp"

#include "schemas/basic/limits.hpp"

namespace muster::http {

namespace {

bool is_scheduling(std::string_view v) { return v == "all" || v == "group" || v == "manual"; }

failure bad(std::string text) { return fail(errc::bad_request, std::move(text)); }

}  // namespace

const std::vector<config_key>& member_keys() {
  using enum effect;
  static const std::vector<config_key> all{{"scheduler.instance",
                                            {"string", is_scheduling},
                                            acts,
                                            "Which instances are placed on the member",
                                            "all"},
                                           {"user.", values::any, acts, "Free keys of users"}};
  return all;
}

const std::vector<config_key>& group_keys() {
  using enum effect;
  static const std::vector<config_key> all{
      {"instances.vm.cpu.", values::any, none, "CPU model of virtual machines of the group"},
      {"user.", values::any, acts, "Free keys of users"}};
  return all;
}

status check_member_key(const std::string& key, const std::string& value) {
  if (value.size() > limits::config_value_bytes_max)
    return bad("The value of " + key + " is too long");
  const auto* known = find_key(member_keys(), key);
  if (!known) return bad("Invalid cluster configuration key \"" + key + "\"");
  if (value.empty() || known->takes.is_valid(value)) return ok();
  return bad("Invalid cluster configuration \"" + key + "\" value: it is all, group or manual");
}

status check_group_key(const std::string& key, const std::string& value) {
  if (value.size() > limits::config_value_bytes_max)
    return bad("The value of " + key + " is too long");
  const auto* known = find_key(group_keys(), key);
  const bool is_whole =
      key.starts_with("user.") || key.ends_with(".baseline") || key.ends_with(".flags");
  if (known && is_whole) return ok();
  return bad("Invalid cluster group configuration key \"" + key + "\"");
}

}  // namespace muster::http
