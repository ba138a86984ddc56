#pragma once
#include "actors/keeper/maker.hpp"

#include <string>

namespace muster::keeper {

/// Where a pool is found on every server: a folder, a mount, or a link to its source.
std::string pool_place(const std::string& data_dir, const std::string& pool);
/// Where it comes from. @param own what is chosen if nothing is asked for, below the data
/// directory: it moves with that one, whatever was noted.
std::string source_of(const wish& w, const std::string& own);
/// Links the place to the source. @errors errc::refused if something else is there.
status link_place(const std::string& place, const std::string& source);
/// Whether a folder holds nothing, or only what a pool keeps in it.
bool holds_only_pool(const std::string& folder);
/// A file system of its own is mounted there.
bool is_mount_point(const std::string& place);
/// Images and trash go; @errors errc::refused if there are instances.
status empty_pool(const std::string& place);

}  // namespace muster::keeper
