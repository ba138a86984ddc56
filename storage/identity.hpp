#pragma once
#include "schemas/basic/result.hpp"
#include "schemas/basic/strong.hpp"

#include <string>

namespace muster::storage {

/// Who this member is. Made together with the raft store; one without the other: refuse to start.
struct identity {
  std::string cluster_uuid;
  member_id member;
  incarnation started;
  std::uint64_t epoch_counter = 1;
  std::uint64_t epoch_random = 0;
  bool operator==(const identity&) const = default;
};

/// Reads DIR/identity. @errors errc::not_found if there is none, errc::corrupt if it is damaged.
result<identity> load_identity(const std::string& path);
/// Writes it durably: temporary file, fsync, rename, fsync of the directory.
status store_identity(const std::string& path, const identity& who);

/// The same steps for any small file.
status write_file_durably(const std::string& path, std::string_view content, unsigned mode = 0600);
/// @errors errc::not_found, errc::too_large above `bytes_max`.
result<std::string> read_file(const std::string& path, std::size_t bytes_max = 1u << 20);
status sync_directory(const std::string& path);

}  // namespace muster::storage
