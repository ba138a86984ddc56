#include "storage/condemned.hpp"

#include "storage/identity.hpp"

#include <filesystem>

namespace muster::storage {

namespace {

std::string mark_of(const std::string& data_dir) { return data_dir + "/condemned"; }

}  // namespace

status mark_condemned(const std::string& data_dir) {
  return write_file_durably(mark_of(data_dir),
                            "The state of this member differs from the one of most voters. It "
                            "fetches the leader's, and then removes this file.\n");
}

bool is_condemned(const std::string& data_dir) {
  return std::filesystem::exists(mark_of(data_dir));
}

status clear_condemned(const std::string& data_dir) {
  std::error_code failed;
  std::filesystem::remove(mark_of(data_dir), failed);
  if (failed)
    return fail(errc::refused, "cannot remove " + mark_of(data_dir) + ": " + failed.message());
  return sync_directory(data_dir);
}

}  // namespace muster::storage
