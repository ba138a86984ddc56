#pragma once
#include "http/routing/api.hpp"

namespace muster::http {

/// By its fingerprint, or a beginning of it that only one has.
std::optional<image> find_image(const state_view& s, project_id where, const std::string& prefix);
response no_image(const std::string& name);

}  // namespace muster::http
