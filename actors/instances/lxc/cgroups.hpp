#pragma once
#include "actors/instances/container.hpp"

/// Cgroups of containers. Several members can run on one host: each has a tree of its own, named
/// after its directory.
namespace muster::instances {

/// Of one container, below the root of each hierarchy.
std::string cgroup_tree(const std::string& data_dir, object_id id);
/// What a container that has ended leaves behind, with groups made inside it.
void remove_cgroups(const std::string& data_dir, object_id id);
/// What `cpu.stat` of cgroup v2 says: 0 if it holds no `usage_usec`, as that of v1.
std::uint64_t cpu_ns_in(const std::string& cpu_stat);
/// Of this server: what a limit in % is of.
std::uint64_t memory_total_bytes();
/// Frozen processes do not even end when they are killed.
void thaw(const std::string& data_dir, object_id id);

}  // namespace muster::instances
