#pragma once
#include "http/routing/endpoint.hpp"

#include <span>
#include <string>

namespace muster::http {

/// Every endpoint of the API, and who may ask it. What is not a row does not exist: a member whose
/// rows and handlers differ does not start. docs/api.md is made from it.
std::span<const endpoint> endpoints();
/// docs/api.md.
std::string endpoints_as_text();

}  // namespace muster::http
