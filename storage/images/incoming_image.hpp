#pragma once
#include "storage/disk/sha256.hpp"
#include "storage/disk/steady_file.hpp"
#include "storage/images/image_chunks.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace muster::storage {

/// An image file on its way in from other members. Only what has the digest that is named for it
/// counts as here, also after a crash; whoever wants it from here gets it as it comes. Thread-safe:
/// one takes, others read.
class incoming_image {
public:
  using clock = std::chrono::steady_clock;

  /// Goes on with what an earlier attempt has left. @errors errc::unavailable
  static result<std::shared_ptr<incoming_image>> begin(const std::string& data_dir,
                                                       const std::string& fingerprint,
                                                       image_chunks what);
  /// What is here stays for the next attempt, unless it was kept or found wrong.
  ~incoming_image() = default;
  incoming_image(const incoming_image&) = delete;
  incoming_image& operator=(const incoming_image&) = delete;

  [[nodiscard]] const image_chunks& chunks() const { return what_; }
  /// Bytes that were checked.
  [[nodiscard]] std::uint64_t here() const;
  /// The bytes that follow. @errors errc::corrupt if a chunk is another, errc::unavailable if the
  /// disk takes no more
  status take(std::string_view part);
  /// What has come of a chunk that is not whole goes: another source begins with it.
  void drop_unchecked() { part_.clear(); }
  /// All is here: durably in place under its fingerprint. @errors errc::corrupt: it is another
  /// file, and nothing is left of it
  status keep();
  /// For whoever it is passed on to: bytes from `from` on, as soon as there are some; empty at the
  /// end of the file. @errors errc::unavailable if none come until then, or none will
  result<std::string> read(std::uint64_t from, std::size_t most, clock::time_point until);
  /// No more will come; readers hear so.
  void give_up();

private:
  incoming_image(std::string data_dir, std::string fingerprint, image_chunks what, int fd);
  std::uint64_t find_what_is_here(int fd);
  status write_chunk();

  const std::string data_dir_;
  const std::string fingerprint_;
  const image_chunks what_;
  running_sha256 digest_;  ///< of all that is here
  steady_file file_;
  std::string part_;  ///< of the chunk that comes
  mutable std::mutex lock_;
  std::condition_variable changed_;
  std::uint64_t here_ = 0;
  bool is_over_ = false;
};

/// The file on its way; hidden, and no older than an hour when it is gone on with.
std::string incoming_path(const std::string& data_dir, const std::string& fingerprint);

}  // namespace muster::storage
