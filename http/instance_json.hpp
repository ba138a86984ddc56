#pragma once
#include "http/api.hpp"

/// Instances as Incus shows them.
namespace muster::http::instance_json {

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

}  // namespace muster::http::instance_json
