#pragma once
#include "http/routing/api.hpp"

namespace muster::http {

/// A secret lets whoever knows it have one image, for some minutes, from any member. Nobody keeps
/// it: it is made of the key that all members share.
std::string make_image_secret(api& a, const image& i);
bool is_image_secret(api& a, const image& i, const std::string& secret);
/// Whether who asks may see the image: without a certificate what is public, or by its secret.
bool may_see_image(api& a, const request& r, const image& i);
/// Of the request; without a certificate one sees what is public.
bool is_trusted(api& a, const request& r);

}  // namespace muster::http
