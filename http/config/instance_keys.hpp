#pragma once
#include "http/config/keys.hpp"
#include "schemas/basic/result.hpp"
#include "schemas/records.hpp"
#include "schemas/state_view.hpp"

namespace muster::http {

/// Of instances and profiles.
const std::vector<config_key>& instance_keys();

/// One table a type of device.
const std::vector<key_table>& device_keys();

/// Config of an instance or profile. @errors errc::bad_request, names the key.
status check_instance_config(const string_map& config);
/// Pools and networks that devices name must be there. @errors errc::bad_request
status check_places(const state_view& s, const device_map& devices);
/// Devices of an instance or profile. @errors errc::bad_request, names the device.
status check_devices(const device_map& devices);

}  // namespace muster::http
