#include "http/resources/images/image_lookup.hpp"

#include "schemas/basic/units.hpp"
#include "schemas/basic/wall_clock.hpp"
#include "storage/disk/sha256.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace muster::http {

namespace {

constexpr std::uint64_t good_for_s = 600;
constexpr std::uint64_t time_max_s = 1ULL << 40;

std::string signature_of(api& a, const image& i, std::uint64_t until_s) {
  const auto key = "image secret\n" + a.server().shown_pair().key;
  const auto text =
      std::to_string(i.head.id.value) + " " + i.fingerprint + " " + std::to_string(until_s);
  unsigned char made[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), made, &size);
  return hex({reinterpret_cast<const char*>(made), size});
}

bool is_image_secret(api& a, const image& i, const std::string& secret) {
  const auto dash = std::min(secret.find('-'), secret.size());
  const auto until_s = units::number(std::string_view(secret).substr(0, dash), time_max_s);
  if (!until_s || *until_s < wall_ms() / 1000) return false;
  const auto right = std::to_string(*until_s) + "-" + signature_of(a, i, *until_s);
  return right.size() == secret.size() &&
         CRYPTO_memcmp(right.data(), secret.data(), right.size()) == 0;
}

}  // namespace

std::string make_image_secret(api& a, const image& i) {
  const auto until_s = wall_ms() / 1000 + good_for_s;
  return std::to_string(until_s) + "-" + signature_of(a, i, until_s);
}

image_viewer::image_viewer(api& a, const request& r)
    : api_(a), is_client_(a.caller_of(r).may != access::none), secret_(r.parameter("secret")) {}

bool image_viewer::sees(const image& i) const {
  return is_client_ || i.is_public || is_image_secret(api_, i, secret_);
}

std::vector<image> images_like(const state_view& s, project_id where, const std::string& prefix,
                               const image_viewer* who) {
  std::vector<image> all;
  if (prefix.empty()) return all;
  if (auto exact = s.by_name<image>(where, prefix); exact && (!who || who->sees(*exact)))
    return {*std::move(exact)};
  s.each(table::image, where, [&](const object& o) {
    const auto& i = std::get<image>(o);
    if (i.fingerprint.starts_with(prefix) && (!who || who->sees(i))) all.push_back(i);
    return all.size() < 2;
  });
  return all;
}

std::optional<image> find_image(const state_view& s, project_id where, const std::string& prefix,
                                const image_viewer* who) {
  auto all = images_like(s, where, prefix, who);
  return all.size() == 1 ? std::optional(std::move(all.front())) : std::nullopt;
}

response no_image(const std::string& name) {
  return error(404, "Image \"" + name + "\" not found");
}

}  // namespace muster::http
