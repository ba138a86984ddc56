#pragma once
#include "actors/instances/container_files.hpp"
#include "actors/instances/lxc/mounts.hpp"
#include "schemas/basic/result.hpp"

#include <lxc/lxccontainer.h>

#include <memory>

namespace muster::instances {

struct lxc_put {
  void operator()(lxc_container* c) const { lxc_container_put(c); }
};
using lxc_ptr = std::unique_ptr<lxc_container, lxc_put>;

/// What its users are on this server; count 0: the same, it is privileged.
result<id_range> ids_of(const container& c);
/// As root: its root file system, as it was made, comes to its place: owners shifted by `ids` where
/// it is an overlay.
status lay_out(const container& c, layout how, const id_range& ids);
/// Mounts the root file system and writes the configuration: privileged, idmapped, or of an
/// ordinary user. @errors errc::refused with what is missing on this server.
status configure(lxc_container* lxc, const container& c, layout how);
/// Why the last start failed: the first ERROR of the container's log, which tells the cause.
std::string first_lxc_error(const container& c);
/// Whether overlays can be mounted where containers of that pool lie; if not, they are copies of
/// their image. @errors errc::refused: this server lacks something for the moment
result<layout> possible_layout(const container& c);
/// The whole image, for containers that cannot be laid over it.
status copy_files(const container& c);

}  // namespace muster::instances
