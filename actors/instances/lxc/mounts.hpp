#pragma once
#include "schemas/basic/result.hpp"

#include <string>

/// The root file system of a container: overlay over the unpacked image. For the helper process.
namespace muster::instances {

struct id_range {
  unsigned base = 0;
  unsigned count = 0;
};

/// What /etc/subuid and /etc/subgid grant to `user`. @errors errc::refused with what to do.
result<id_range> granted_range(const std::string& user);

/// Mounts `directory`/rootfs: `lower` read only (seen through `ids`, if count is not 0) under
/// `directory`/upper. @errors errc::refused with the system's reason
status mount_rootfs(const std::string& lower, const std::string& directory, const id_range& ids);
void unmount_rootfs(const std::string& directory);
/// What lies at `place` is seen with its owners shifted by `ids`.
status shift_owners(const std::string& place, const id_range& ids);
/// This process becomes root of a user namespace with these ids, and sees owners as it does. It has
/// one thread.
status enter_ids(const id_range& ids);
/// Whether the file system of `scratch`, a folder that is made and removed, takes overlays.
/// @errors errc::refused: it may, but something else is missing
result<bool> try_overlay(const std::string& scratch, const id_range& ids);
/// Fills `directory`/rootfs; it is on the disk when this returns, or not there at all.
status copy_image(const std::string& lower, const std::string& directory);

}  // namespace muster::instances
