#pragma once
#include "schemas/state_view.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

/// What the records say of where image files lie.
namespace muster::images {

/// Fingerprint → members that have the file, whatever projects have the image.
std::map<std::string, std::set<member_id>> holders_by_image(const state_view& s);
/// None: there is no such image.
std::optional<std::set<member_id>> holders_of(const state_view& s, const std::string& fingerprint);
/// cluster.images_minimal_replica; -1: on all members.
int replicas_wanted(const state_view& s);
/// "n1, n2"
std::string names_of(const state_view& s, const std::vector<member_id>& members);

}  // namespace muster::images
