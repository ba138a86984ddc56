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
/// Records of images have changed: a file that is noted on other members and not here goes, one
/// that is noted here and not there is noted no more.
struct compare_files {};

/// Files that no record wants go: the record went while this member was off, or never came.
struct sweep_files {};

using images_handle =
    caf::typed_actor<caf::reacts_to<drop_files>, caf::reacts_to<tell_when_dropped>,
                     caf::reacts_to<compare_files>, caf::reacts_to<sweep_files>>;

struct images_settings {
  node::node* server = nullptr;
  std::string data_dir;
  fetcher* files = nullptr;
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

/// Reads one file that was not read for a day: damage is found before the copy is needed.
struct read_a_file {};
using reader_handle = caf::typed_actor<caf::reacts_to<read_a_file>>;

struct reader_settings {
  std::string data_dir;
  fetcher* files = nullptr;
  std::function<void(const std::string&)> log;
};
struct reader_state {
  reader_settings with;
  std::map<std::string, node::clock::time_point> read;  ///< by fingerprint, when last
  static inline const char* name = "image reader";
};

/// Detached, and apart: a large file takes long, and nobody waits for it.
reader_handle::behavior_type image_reader(reader_handle::stateful_pointer<reader_state> self,
                                          reader_settings with);

}  // namespace muster::images

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::read_a_file)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::drop_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::sweep_files)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::tell_when_dropped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(muster::images::compare_files)
