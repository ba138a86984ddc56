#pragma once
#include "http/message/json_reader.hpp"
#include "http/routing/api.hpp"
#include "storage/images/image_files.hpp"

namespace muster::http {

/// An image on another Incus server, as a request's "source" names it.
struct remote_image {
  std::string host_port;
  std::string pin;  ///< fingerprint of the server's certificate
  std::string query;
  image what;  ///< as that server describes it
};

bool names_server(const json_object& source);
/// Asks the other server. Blocks for some seconds. @errors errc::bad_request for what is not
/// supported, errc::unavailable, errc::not_found
result<remote_image> find_remote_image(const json_object& source);
/// @param go_on asked with the bytes that have come; false ends it
status download_image(const remote_image& from, storage::image_upload& into,
                      const std::function<bool(std::uint64_t)>& go_on);
/// The file of an instance's image comes to this member, and its record to the project if it has
/// none: from other members, else from the server that the source names. Blocks.
status ensure_image(api& a, const request& r, const json_object& source, project_id where,
                    const std::string& fingerprint, node::operations::handle& h);
/// POST /1.0/images with an image of another server as source.
response pull_image(api& a, const request& r, const json_object& body);

}  // namespace muster::http
