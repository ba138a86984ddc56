#pragma once
#include "schemas/basic/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace muster::tls {

/// A certificate and its private key, both PEM.
struct pem_pair {
  std::string certificate;
  std::string key;
};

/// Self-signed EC P-384, 10 years, CN root@<host>; names: host, 127.0.0.1, ::1.
pem_pair make_certificate(const std::string& host);
/// SHA-256 of the DER form, lower hex. @errors errc::bad_request if it is not one PEM certificate.
result<std::string> fingerprint_of(std::string_view certificate_pem);
/// Seconds since 1970.
struct validity {
  std::int64_t from_s = 0;
  std::int64_t until_s = 0;
};
/// @errors errc::bad_request
result<validity> validity_of(std::string_view certificate_pem);
/// @errors errc::bad_request if the text is neither PEM nor base64 of DER.
result<std::string> pem_from_any(std::string_view text);
/// Whether the key belongs to the certificate.
bool is_pair(const pem_pair& pair);

/// Loads NAME.crt and NAME.key, or makes and stores them.
/// @errors errc::corrupt if only one of them is there or they don't belong together.
result<pem_pair> load_or_make(const std::string& directory, const std::string& name,
                              const std::string& host);
result<pem_pair> load(const std::string& directory, const std::string& name);
status store(const std::string& directory, const std::string& name, const pem_pair& pair);

}  // namespace muster::tls
