#pragma once
#include "schemas/result.hpp"

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
/// `directory`/upper. Copies the image instead where no overlay can be mounted.
status mount_rootfs(const std::string& lower, const std::string& directory, const id_range& ids);
void unmount_rootfs(const std::string& directory);

}  // namespace muster::instances
