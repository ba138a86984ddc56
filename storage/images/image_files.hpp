#pragma once
#include "schemas/basic/result.hpp"
#include "storage/disk/sha256.hpp"
#include "storage/disk/steady_file.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Image files of one member: DIR/images/<fingerprint>. A file under its fingerprint is whole and
/// was checked; everything else starts with a dot and may be removed at any start.
namespace muster::storage {

/// 64 digits, lower case.
bool is_fingerprint(std::string_view name);
std::string image_path(const std::string& data_dir, const std::string& fingerprint);
bool has_image(const std::string& data_dir, const std::string& fingerprint);
/// Unless somebody wants it, or it is just coming in again: its record follows it.
void remove_image(const std::string& data_dir, const std::string& fingerprint,
                  const std::function<bool()>& is_wanted);
/// Reads the whole file. @errors errc::corrupt: its fingerprint is another
status check_fingerprint(const std::string& path, const std::string& fingerprint);
/// Fingerprints of the files here that were written at least `age` ago.
std::vector<std::string> images_older_than(const std::string& data_dir, std::chrono::minutes age);
/// What a crash has left half received, but what comes from members: it is gone on with within an
/// hour.
void remove_unfinished_images(const std::string& data_dir);

/// While it lives nobody removes the file of that fingerprint: it is about to come, or its record
/// is on the way.
class incoming_mark {
public:
  incoming_mark(const std::string& data_dir, const std::string& fingerprint);
  ~incoming_mark();
  incoming_mark(const incoming_mark&) = delete;
  incoming_mark& operator=(const incoming_mark&) = delete;

private:
  const std::string path_;
};

/// An image on its way in: bytes go to a hidden file while their SHA-256 is made. From `finish` to
/// its end nobody removes the file of that fingerprint.
class image_upload {
public:
  /// @errors errc::unavailable if the file cannot be made.
  static result<std::unique_ptr<image_upload>> begin(const std::string& data_dir);
  ~image_upload();
  image_upload(const image_upload&) = delete;
  image_upload& operator=(const image_upload&) = delete;

  /// @errors errc::too_large, errc::unavailable when the disk is full.
  status take(std::string_view part);
  /// No more bytes: gives their fingerprint.
  const std::string& finish();
  /// Durably in place under its fingerprint.
  status keep();
  [[nodiscard]] const std::string& path() const { return file_.path(); }
  [[nodiscard]] std::uint64_t size_bytes() const { return file_.size_bytes(); }

private:
  image_upload(std::string data_dir, std::string path, int fd);
  std::string data_dir_;
  std::string fingerprint_;
  std::unique_ptr<incoming_mark> mark_;  ///< from `finish` on
  steady_file file_;
  running_sha256 digest_;
  bool is_kept_ = false;
};

/// What metadata.yaml of a unified tarball says.
struct image_metadata {
  std::string architecture;
  std::uint64_t made_ms = 0;
  std::map<std::string, std::string> properties;
};
/// What an image may hold; more is a bomb. @errors errc::too_large
struct unpack_budget {
  std::uint64_t bytes = 64ULL << 30;  ///< decompressed
  std::uint64_t entries = 1'000'000;
  /// Of what is decompressed, for each byte of the file, beyond the first GiB.
  std::uint64_t times = 200;
};
/// Reads a unified tarball to its end: one that is cut, holds what must not be unpacked or has no
/// root directory is refused. @errors errc::refused with Incus's texts, errc::too_large.
result<image_metadata> inspect_image(const std::string& path, const unpack_budget& budget = {});

/// Unpacks metadata.yaml, rootfs and templates of a unified tarball into the current directory. For
/// a process of its own: it changes nothing outside the current directory whatever the tarball
/// holds
/// ("..", absolute names and links through symlinks). `as_root` false: owners are left out.
/// @param has_room is asked again and again for the bytes to come.
status unpack_image(const std::string& path, bool as_root, const unpack_budget& budget = {},
                    const std::function<status(std::uint64_t bytes)>& has_room = {});

}  // namespace muster::storage
