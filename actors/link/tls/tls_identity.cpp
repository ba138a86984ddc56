#include "actors/link/tls/tls_identity.hpp"

#include "storage/disk/sha256.hpp"
#include "storage/identity.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>

namespace muster::tls {

namespace {

struct release {
  void operator()(X509* x) const { X509_free(x); }
  void operator()(EVP_PKEY* x) const { EVP_PKEY_free(x); }
  void operator()(BIO* x) const { BIO_free(x); }
};
template <class T>
using owned = std::unique_ptr<T, release>;

constexpr long ten_years_seconds = 10L * 365 * 24 * 3600;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

owned<BIO> pem_reader(std::string_view text) {
  return owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

owned<X509> parse(std::string_view pem) {
  const auto bio = pem_reader(pem);
  return owned<X509>(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

std::string to_pem(X509* certificate) {
  const owned<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  MUSTER_ENSURE(extension != nullptr, "a certificate extension cannot be made");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

bool is_dns_name(const std::string& host) {
  return !host.empty() && host.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
                              std::string::npos;
}

}  // namespace

pem_pair make_certificate(const std::string& host) {
  const owned<EVP_PKEY> key(EVP_EC_gen("P-384"));
  const owned<X509> certificate(X509_new());
  MUSTER_ENSURE(key && certificate, "a key cannot be made");
  X509_set_version(certificate.get(), 2);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), ten_years_seconds);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const std::string common = "root@" + host;
  const auto add = [name](const char* field, const std::string& value) {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1, 0);
  };
  add("O", "muster");
  add("CN", common.substr(0, 64));
  X509_set_issuer_name(certificate.get(), name);
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature,keyEncipherment");
  add_extension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  const std::string dns = is_dns_name(host) ? "DNS:" + host + "," : "";
  add_extension(certificate.get(), NID_subject_alt_name, dns + "IP:127.0.0.1,IP:::1");
  MUSTER_ENSURE(X509_sign(certificate.get(), key.get(), EVP_sha384()) > 0,
                "a certificate cannot be signed");
  const owned<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {to_pem(certificate.get()), text_of(bio.get())};
}

result<std::string> fingerprint_of(std::string_view certificate_pem) {
  const auto certificate = parse(certificate_pem);
  if (!certificate) return fail(errc::bad_request, "not a PEM certificate");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(certificate.get(), EVP_sha256(), digest, &size);
  return hex({reinterpret_cast<const char*>(digest), size});
}

result<validity> validity_of(std::string_view certificate_pem) {
  const auto certificate = parse(certificate_pem);
  if (!certificate) return fail(errc::bad_request, "not a PEM certificate");
  std::tm from{};
  std::tm until{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate.get()), &from) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &until) != 1)
    return fail(errc::bad_request, "the certificate's time is damaged");
  return validity{::timegm(&from), ::timegm(&until)};
}

result<std::string> pem_from_any(std::string_view text) {
  if (auto certificate = parse(text)) return to_pem(certificate.get());
  std::string der(text.size() + 4, '\0');
  std::string clean;
  for (const char c : text)
    if (c != '\n' && c != '\r') clean += c;
  const int n = clean.size() % 4
                    ? -1
                    : EVP_DecodeBlock(reinterpret_cast<unsigned char*>(der.data()),
                                      reinterpret_cast<const unsigned char*>(clean.data()),
                                      static_cast<int>(clean.size()));
  if (n > 0) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const owned<X509> certificate(d2i_X509(nullptr, &at, n));
    if (certificate) return to_pem(certificate.get());
    return fail(errc::bad_request, "Invalid certificate material: x509: malformed certificate");
  }
  return fail(errc::bad_request, "Certificate must be base64 encoded PEM certificate");
}

bool is_pair(const pem_pair& pair) {
  const auto certificate = parse(pair.certificate);
  const auto bio = pem_reader(pair.key);
  const owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  return certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1;
}

result<pem_pair> load(const std::string& directory, const std::string& name) {
  auto certificate = storage::read_file(directory + "/" + name + ".crt");
  if (!certificate) return certificate.error();
  auto key = storage::read_file(directory + "/" + name + ".key");
  if (!key) return key.error();
  pem_pair pair{*std::move(certificate), *std::move(key)};
  if (!is_pair(pair))
    return fail(errc::corrupt, name + ".crt and " + name + ".key don't belong together");
  return pair;
}

status store(const std::string& directory, const std::string& name, const pem_pair& pair) {
  if (auto done = storage::write_file_durably(directory + "/" + name + ".key", pair.key, 0600);
      !done)
    return done;
  return storage::write_file_durably(directory + "/" + name + ".crt", pair.certificate, 0644);
}

result<pem_pair> load_or_make(const std::string& directory, const std::string& name,
                              const std::string& host) {
  auto pair = load(directory, name);
  if (pair || pair.error().code != errc::not_found) return pair;
  if (storage::read_file(directory + "/" + name + ".crt"))
    return fail(errc::corrupt, name + ".crt is there, but " + name + ".key is missing");
  auto fresh = make_certificate(host);
  if (auto stored = store(directory, name, fresh); !stored) return stored.error();
  return fresh;
}

}  // namespace muster::tls
