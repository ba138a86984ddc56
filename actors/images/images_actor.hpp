#pragma once
#include "actors/node/node.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace muster::images {

/// Records of images are gone: so go their files.
struct drop_files {
  std::vector<std::string> fingerprints;
};

/// Files that no record wants go: the record went while this member was off, or never came.
struct sweep_files {};

using images_handle = caf::typed_actor<caf::reacts_to<drop_files>, caf::reacts_to<sweep_files>>;

struct images_settings {
  node::node* server = nullptr;
  std::string data_dir;
  /// @param for_good false: into the trash. @param is_free asked when nobody else can begin with it
  std::function<void(const std::string& fingerprint, bool for_good,
                     const std::function<bool()>& is_free)>
      remove_unpacked;
  std::function<std::vector<std::string>()> unpacked;  ///< fingerprints of all trees here
};

struct images_state {
  images_settings with;
  static inline const char* name = "images";
};

/// Image files of this member that nobody wants any more. Detached: it waits for the disk.
images_handle::behavior_type images_actor(images_handle::stateful_pointer<images_state> self,
                                          images_settings with);

}  // namespace muster::images

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::drop_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::sweep_files)
