#include "actors/keeper/made_files.hpp"

#include "schemas/codec/codec.hpp"
#include "storage/identity.hpp"

#include <filesystem>

namespace muster::keeper {

made_files::made_files(const std::string& data_dir) : folder_(data_dir + "/made") {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    auto content = storage::read_file(entry.path(), 8u << 20);
    const auto line = content ? content->find('\n') : std::string::npos;
    if (line == std::string::npos) continue;
    auto row = codec::decode_row(std::string_view(*content).substr(line + 1));
    if (row) all_.insert_or_assign(key_of(*row), made{content->substr(0, line), *row});
  }
}

status made_files::keep(const made& what) {
  std::error_code failed;
  std::filesystem::create_directories(folder_, failed);
  const auto key = key_of(what.row);
  auto stored = storage::write_file_durably(
      path_of(key), what.cluster + "\n" + std::string(codec::encode(what.row).bytes()));
  if (stored) all_.insert_or_assign(key, what);
  return stored;
}

void made_files::forget(const row_key& key) {
  std::error_code ignored;
  std::filesystem::remove(path_of(key), ignored);
  all_.erase(key);
}

std::string made_files::path_of(const row_key& key) const {
  return folder_ + (key.where == table::network ? "/network-" : "/pool-") +
         std::to_string(key.id.value);
}

}  // namespace muster::keeper
