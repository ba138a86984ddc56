#pragma once
#include "http/routing/api.hpp"
#include "storage/images/image_files.hpp"

namespace muster::http {

struct alias_wish {
  std::string name;
  std::string description;
};

/// What a new image is to be, beside what its metadata says.
struct image_wish {
  project_id project;
  std::string fingerprint;  ///< that it must have; empty: any
  std::string filename;
  string_map properties;  ///< beside those of its metadata
  std::vector<alias_wish> aliases;
  std::vector<std::string> profiles;
  bool is_public = false;
  bool is_cached = false;  ///< nobody has asked for it, but an instance
  bool auto_update = false;
  std::uint64_t expires_ms = 0;
  std::uint64_t made_ms = 0;  ///< 0: as its metadata says
};

/// What a request asks of a new image in its JSON body. @errors errc::bad_request
result<image_wish> read_image_wish(const json_object& body);
/// Fills in what is usual. @errors errc::not_found, errc::conflict
status check_image_wish(const state_view& s, const request& r, image_wish& w);
/// Gives it the aliases that are wished for.
status name_image(api& a, const request& r, const image_wish& w, object_id image_id);
/// Makes an image of a file that has come whole; returns when it has its copies. Blocks.
status add_image(api& a, const request& r, const image_wish& w, storage::image_upload& file,
                 node::operations::handle& h);

}  // namespace muster::http
