#pragma once
#include "schemas/basic/result.hpp"
#include "storage/disk/descriptor.hpp"

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace muster::storage {

/// One file of a log, of a fixed size; records follow each other from its beginning, then zeros.
/// It is written in whole blocks past the page cache, where the file system can.
class log_file {
public:
  static constexpr std::size_t block_bytes = 4096;

  /// Makes it durably, full of zeros. @param size_bytes is rounded up to blocks.
  /// @errors errc::corrupt: the disk refused.
  static result<std::unique_ptr<log_file>> make(const std::string& folder, std::uint64_t number,
                                                std::size_t size_bytes);
  /// @param written from the beginning of the file to where the next record goes.
  static result<std::unique_ptr<log_file>> open(const std::string& folder, std::uint64_t number,
                                                std::size_t size_bytes, std::string_view written);
  /// A write that never finished: all from `end` on becomes zero, durably.
  static status cut(const std::string& folder, std::uint64_t number, std::size_t end);
  static std::string path_of(const std::string& folder, std::uint64_t number);

  /// Fills in the record's head; there must be room. It stays in memory until the next sync.
  void write(std::string& record);
  /// What was written since the last one is durable. @errors errc::corrupt: the disk refused.
  status sync();

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] std::size_t room_bytes() const { return size_bytes_ - end_; }

private:
  struct release {
    void operator()(char* p) const { std::free(p); }
  };
  log_file(int fd, std::string path, std::uint64_t number, std::size_t size_bytes);
  void append(std::string_view bytes);
  void make_room(std::size_t bytes);

  descriptor file_;
  std::string path_;
  std::uint64_t number_;
  std::size_t size_bytes_;
  std::size_t end_ = 0;
  std::size_t synced_ = 0;
  /// From the beginning of the block where `synced_` lies to `end_`.
  std::unique_ptr<char, release> blocks_;
  std::size_t blocks_bytes_ = 0;
};

}  // namespace muster::storage
