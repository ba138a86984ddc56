#pragma once
#include "actors/instances/container.hpp"
#include "schemas/basic/result.hpp"

/// Files that nobody wants any more: they are moved away, and go for good an hour later.
namespace muster::instances {

/// Everything mounted at or below a folder, in the order in which it was mounted.
std::vector<std::string> mounts_below(const std::string& folder);
/// What is mounted below it, the last first. @errors errc::refused with what is busy
status unmount_below(const std::string& folder);

/// Moves a container's files, and what was logged of it, into the trash of the file system they
/// lie on. Nothing of it may run. @errors errc::refused: something is mounted there, or its pool
/// is not in its place
status move_to_trash(const std::string& data_dir, object_id id);
/// An unpacked image: DIR/storage-pools/POOL/trash.
status move_unpacked_to_trash(const std::string& data_dir, const std::string& pool,
                              const std::string& image);
/// What has lain there for an hour, on all pools.
void sweep_trash(const std::string& data_dir);

}  // namespace muster::instances
