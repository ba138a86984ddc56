#pragma once
#include "schemas/basic/result.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

struct archive;

namespace muster::storage {

/// What is not named stays as the image says that the instance was made of.
struct metadata_changes {
  std::string architecture;  ///< for one that has no metadata
  std::uint64_t made_s = 0;  ///< the same
  std::optional<std::map<std::string, std::string>> properties;
  std::uint64_t expires_s = 0;
};
/// metadata.yaml of an image made of an instance. @param before of the image it was made of; empty:
/// there is none. @errors errc::corrupt
result<std::string> changed_metadata(const std::string& before, const metadata_changes& to);

/// Whether an image can be written so.
bool is_compression(std::string_view name);

/// Writes a unified tarball to a descriptor. The same tree gives the same bytes. It reads files as
/// the process may: who enters a user namespace between two calls reads on as that one's root.
class image_writer {
public:
  /// @errors errc::bad_request for a compression that is not known
  static result<image_writer> begin(int out, const std::string& compression);
  status add_file(const std::string& name, const std::string& content);
  /// The folder that is the current directory, under `name`. Sockets are left out.
  status add_tree(const std::string& name);
  /// @errors errc::unavailable if it could not be written
  status finish();

private:
  struct free_archive {
    void operator()(archive* a) const;
  };
  std::unique_ptr<archive, free_archive> a_;
};

}  // namespace muster::storage
