#pragma once
#include "actors/host/net_interfaces.hpp"
#include "http/routing/api.hpp"

namespace muster::http {

/// Fields of an object that is open: addresses, counters, hwaddr, mtu, state, type.
void write_interface(json_writer& w, const host::net_interface& of, bool with_errors);

/// Instances as Incus shows them.
namespace instance_json {

struct shown_status {
  const char* text;
  int code;
};
shown_status status_of(const instance& row);
/// @param state_json none: recursion 0 and 1. @param is_owner_online false: shown as Error.
std::string whole(const state_view& s, const instance& row, bool is_owner_online,
                  const std::optional<std::string>& state_json);
/// /1.0/instances/NAME/state, from the member it runs on.
std::string state(const instance& row, const std::optional<instances::usage>& use);
/// What a client may write back: the text behind the ETag.
std::string writable(const instance& row);
std::string url(const state_view& s, const instance& row);

}  // namespace instance_json

}  // namespace muster::http
