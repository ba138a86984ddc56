#include "storage/rows/keys.hpp"

namespace muster::storage::keys {

std::string big_endian(std::uint64_t number) {
  std::string bytes(8, '\0');
  for (std::size_t i = 8; i-- > 0; number >>= 8) bytes[i] = static_cast<char>(number & 0xff);
  return bytes;
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string row(const row_key& key) {
  return static_cast<char>(key.where) + big_endian(key.project.value) + big_endian(key.id.value);
}

std::string row_prefix(table where, std::optional<project_id> project) {
  std::string prefix(1, static_cast<char>(where));
  if (project) prefix += big_endian(project->value);
  return prefix;
}

std::string name(const name_key& key) {
  return static_cast<char>(static_cast<unsigned char>(key.where) | 0x80U) +
         big_endian(key.project.value) + key.name;
}

std::string state_meta() { return std::string(1, '\0'); }
std::string entry(log_index index) { return entry_prefix + big_endian(index.value); }
std::string hard_state() { return "h"; }
std::string log_start() { return "s"; }

}  // namespace muster::storage::keys
