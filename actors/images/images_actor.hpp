#pragma once
#include "actors/images/fetcher.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace muster::images {

/// Records of images are gone: so go their files.
struct drop_files {
  std::vector<std::string> fingerprints;
};
/// Whoever waits for that is told when all that was asked before has been done.
struct tell_when_dropped {
  std::function<void()> then;
};
/// Records of images have changed: a file that is noted on other members and not here goes.
struct trim_files {};

/// Files that no record wants go: the record went while this member was off, or never came.
struct sweep_files {};

using images_handle =
    caf::typed_actor<caf::reacts_to<drop_files>, caf::reacts_to<tell_when_dropped>,
                     caf::reacts_to<trim_files>, caf::reacts_to<sweep_files>>;

struct images_settings {
  node::node* server = nullptr;
  std::string data_dir;
  fetcher* files = nullptr;
  /// @param for_good false: into the trash. @param is_free asked when nobody else can begin with it
  std::function<void(const std::string& fingerprint, bool for_good,
                     const std::function<bool()>& is_free)>
      remove_unpacked;
  std::function<void(const std::string&)> log;
  std::function<std::vector<std::string>()> unpacked;  ///< fingerprints of all trees here
};

struct images_state {
  images_settings with;
  std::map<std::string, node::clock::time_point> read;  ///< files, when last
  static inline const char* name = "images";
};

/// Image files of this member that nobody wants any more. Detached: it waits for the disk.
images_handle::behavior_type images_actor(images_handle::stateful_pointer<images_state> self,
                                          images_settings with);

}  // namespace muster::images

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::drop_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::sweep_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::tell_when_dropped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::trim_files)
