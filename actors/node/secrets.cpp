#include "actors/node/secrets.hpp"

#include "storage/disk/sha256.hpp"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <memory>

namespace muster::node {

namespace {

constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t key_bytes = 32;

const unsigned char* u8(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}
unsigned char* u8(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }
int length(std::string_view s) { return static_cast<int>(s.size()); }

struct free_cipher {
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
};
struct free_pkey {
  void operator()(EVP_PKEY_CTX* c) const { EVP_PKEY_CTX_free(c); }
};

std::string derive_key(std::string_view key_pem) {
  constexpr std::string_view purpose = "muster token secrets";
  std::string key(key_bytes, '\0');
  std::size_t size = key.size();
  const std::unique_ptr<EVP_PKEY_CTX, free_pkey> c(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
  const bool good = c && EVP_PKEY_derive_init(c.get()) == 1 &&
                    EVP_PKEY_CTX_set_hkdf_md(c.get(), EVP_sha256()) == 1 &&
                    EVP_PKEY_CTX_set1_hkdf_key(c.get(), u8(key_pem), length(key_pem)) == 1 &&
                    EVP_PKEY_CTX_add1_hkdf_info(c.get(), u8(purpose), length(purpose)) == 1 &&
                    EVP_PKEY_derive(c.get(), u8(key), &size) == 1;
  MUSTER_ENSURE(good, "a key cannot be derived");
  return key;
}

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  MUSTER_ENSURE(RAND_bytes(u8(bytes), length(bytes)) == 1, "no random bytes");
  return bytes;
}

std::string random_hex(std::size_t count) { return hex(random_bytes(count)); }

std::uint64_t random_number() {
  std::uint64_t number = 0;
  for (const char c : random_bytes(8)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int n = EVP_EncodeBlock(u8(text), u8(bytes), length(bytes));
  text.resize(static_cast<std::size_t>(n));
  return text;
}

result<std::string> unbase64(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  std::string bytes(3 * text.size() / 4 + 1, '\0');
  const int n = text.size() % 4 ? -1 : EVP_DecodeBlock(u8(bytes), u8(text), length(text));
  if (n < 0) return fail(errc::bad_request, "not base64");
  bytes.resize(static_cast<std::size_t>(n));
  for (auto tail = text; tail.ends_with('='); tail.remove_suffix(1))
    if (!bytes.empty()) bytes.pop_back();
  return bytes;
}

std::string seal(std::string_view secret, std::string_view key_pem) {
  const auto key = derive_key(key_pem);
  const auto nonce = random_bytes(nonce_bytes);
  std::string body(secret.size(), '\0');
  std::string tag(tag_bytes, '\0');
  int n = 0;
  const std::unique_ptr<EVP_CIPHER_CTX, free_cipher> c(EVP_CIPHER_CTX_new());
  const bool good =
      EVP_EncryptInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, u8(key), u8(nonce)) == 1 &&
      EVP_EncryptUpdate(c.get(), u8(body), &n, u8(secret), length(secret)) == 1 &&
      EVP_EncryptFinal_ex(c.get(), u8(body) + n, &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag.data()) == 1;
  MUSTER_ENSURE(good, "a secret cannot be sealed");
  return base64(nonce + tag + body);
}

result<std::string> unseal(std::string_view sealed, std::string_view key_pem) {
  auto bytes = unbase64(sealed);
  if (!bytes || bytes->size() < nonce_bytes + tag_bytes)
    return fail(errc::corrupt, "a sealed secret is damaged");
  const auto key = derive_key(key_pem);
  const auto nonce = bytes->substr(0, nonce_bytes);
  auto tag = bytes->substr(nonce_bytes, tag_bytes);
  const auto body = bytes->substr(nonce_bytes + tag_bytes);
  std::string secret(body.size(), '\0');
  int n = 0;
  const std::unique_ptr<EVP_CIPHER_CTX, free_cipher> c(EVP_CIPHER_CTX_new());
  const bool good =
      EVP_DecryptInit_ex(c.get(), EVP_aes_256_gcm(), nullptr, u8(key), u8(nonce)) == 1 &&
      EVP_DecryptUpdate(c.get(), u8(secret), &n, u8(body), length(body)) == 1 &&
      EVP_CIPHER_CTX_ctrl(c.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(c.get(), u8(secret) + n, &n) == 1;
  if (!good) return fail(errc::corrupt, "a secret was sealed under another cluster key");
  return secret;
}

std::string make_uuid(member_id at) {
  auto bytes = random_bytes(10);
  for (int shift = 40; shift >= 0; shift -= 8) bytes += static_cast<char>(at.value >> shift & 0xff);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (const char c : hex(bytes)) {
    const auto at_dash = text.size();
    if (at_dash == 8 || at_dash == 13 || at_dash == 18 || at_dash == 23) text += '-';
    text += c;
  }
  return text;
}

member_id member_of_uuid(std::string_view uuid) {
  if (uuid.size() != 36) return {};
  std::uint64_t id = 0;
  for (const char c : uuid.substr(24)) {
    const auto digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) return {};
    id = id << 4 | digit;
  }
  return {id};
}

}  // namespace muster::node
