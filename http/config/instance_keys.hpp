#pragma once
#include "http/config/effect.hpp"
#include "schemas/basic/result.hpp"
#include "schemas/records.hpp"
#include "schemas/state_view.hpp"

namespace muster::http {

/// Of instances and profiles.
const std::vector<config_key>& instance_keys();

struct device_key {
  std::string_view type;
  std::string_view name;
  bool (*is_valid)(std::string_view value);
  effect does;
};
const std::vector<device_key>& device_keys();

/// Config of an instance or profile. @errors errc::bad_request, names the key.
status check_instance_config(const string_map& config);
/// Pools and networks that devices name must be there. @errors errc::bad_request
status check_places(const state_view& s, const device_map& devices);
/// Devices of an instance or profile. @errors errc::bad_request, names the device.
status check_devices(const device_map& devices);

}  // namespace muster::http
