#pragma once
#include "schemas/result.hpp"
#include "storage/descriptor.hpp"

#include <memory>
#include <string>

namespace muster::storage {

/// One file of a log, of a fixed size; records follow each other from its beginning, then zeros.
class log_file {
public:
  /// Makes it durably, full of zeros. @errors errc::corrupt: the disk refused.
  static result<std::unique_ptr<log_file>> make(const std::string& folder, std::uint64_t number,
                                                std::size_t size_bytes);
  /// @param end where the next record goes; everything behind becomes zero.
  static result<std::unique_ptr<log_file>> open(const std::string& folder, std::uint64_t number,
                                                std::size_t size_bytes, std::size_t end,
                                                bool has_torn_end);
  static std::string path_of(const std::string& folder, std::uint64_t number);

  /// For tests: what is written stays in this process until it is synced.
  void forget_unsynced() { forgets_ = true; }
  /// Fills in the record's head. There must be room.
  status write(std::string& record);
  status sync();

  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] std::size_t room_bytes() const { return size_bytes_ - end_; }

private:
  log_file(int fd, std::string path, std::uint64_t number, std::size_t size_bytes, std::size_t end);
  status put(std::string_view bytes, std::size_t offset);
  status fill_with_zeros(std::size_t from);

  descriptor file_;
  std::string path_;
  std::uint64_t number_;
  std::size_t size_bytes_;
  std::size_t end_;
  bool forgets_ = false;
  std::string unsynced_;
};

}  // namespace muster::storage
