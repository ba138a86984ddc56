#pragma once
#include "actors/node/node.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <future>

namespace muster::images {

/// Somebody needs an image on this member.
struct fetch {
  project_id project;
  std::string fingerprint;
  std::promise<status> answer;
};
using fetch_ptr = std::shared_ptr<fetch>;

struct begin_fetch {
  fetch_ptr what;
};
/// Records of images are gone: so go their files.
struct drop_files {
  std::vector<std::string> fingerprints;
};

/// Files that no record wants go: the record went while this member was off, or never came.
struct sweep_files {};

using images_handle =
    caf::typed_actor<caf::reacts_to<begin_fetch>,  // get it from a member that has it
                     caf::reacts_to<drop_files>, caf::reacts_to<sweep_files>>;

struct images_settings {
  node::node* server = nullptr;
  std::string data_dir;
  std::function<void(const std::string& fingerprint)> remove_unpacked;
};

struct images_state {
  images_settings with;
  static inline const char* name = "images";
};

/// Image files of this member. Detached: it waits for disk and network.
images_handle::behavior_type images_actor(images_handle::stateful_pointer<images_state> self,
                                          images_settings with);

/// Sends the order and waits. @errors errc::timed_out
status fetch_image(const images_handle& images, project_id project, const std::string& fingerprint);

}  // namespace muster::images

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::begin_fetch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::drop_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::sweep_files)
