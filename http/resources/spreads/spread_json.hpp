#pragma once
#include "http/config/spread_keys.hpp"

#include <functional>

/// Pools and networks as Incus shows them. Pure.
namespace muster::http::spread_json {

std::string writable(const object& row, const string_map& config);
/// Of the URLs of users, those that are shown.
using user_filter = std::function<std::vector<std::string>(std::vector<std::string>)>;
/// @param of the member whose part is shown; none: what all have in common.
std::string whole(const state_view& s, const object& row, std::optional<member_id> of,
                  const string_map& config, const user_filter& shown);
/// An interface of the server that is no network of the cluster.
std::string unmanaged(const std::string& name, const std::string& type);
/// Pending, Created, Errored: of one member's part, or of all.
std::string status_of(const object& row, std::optional<member_id> of);

}  // namespace muster::http::spread_json
