#pragma once
#include "http/routing/api.hpp"

namespace muster::http {

/// A secret lets whoever knows it have one image, for some minutes, from any member. Nobody keeps
/// it: it is made of the key that all members share.
std::string make_image_secret(api& a, const image& i);

/// Who asks for images. Without a certificate one sees what is public, and what one has a secret
/// of.
class image_viewer {
public:
  image_viewer(api& a, const request& r);
  [[nodiscard]] bool is_client() const { return is_client_; }
  [[nodiscard]] bool sees(const image& i) const;

private:
  api& api_;
  const bool is_client_;
  const std::string secret_;
};

/// Those with that fingerprint or beginning of it, at most two. @param who none: sees all
std::vector<image> images_like(const state_view& s, project_id where, const std::string& prefix,
                               const image_viewer* who = nullptr);
/// The only one.
std::optional<image> find_image(const state_view& s, project_id where, const std::string& prefix,
                                const image_viewer* who = nullptr);
response no_image(const std::string& name);

}  // namespace muster::http
