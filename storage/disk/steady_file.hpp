#pragma once
#include "schemas/basic/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace muster::storage {

/// Writes a large file from front to end. What is written goes to the disk little by little: its
/// own sync is short, and the log's does not wait for all of it. Room is kept for the log.
class steady_file {
public:
  /// @param fd becomes its own. @param at bytes that are there already
  steady_file(std::string path, int fd, std::uint64_t at = 0)
      : path_(std::move(path)), fd_(fd), at_(at), begun_(at), room_until_(at) {}
  ~steady_file();
  steady_file(const steady_file&) = delete;
  steady_file& operator=(const steady_file&) = delete;

  /// @errors errc::unavailable if the disk takes no more
  status append(std::string_view part);
  /// The disk is given what it has not got yet: for who has something else to do before `sync`.
  void begin_sync();
  status sync();
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return at_; }
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  void write_back();
  void give(std::uint64_t from, std::uint64_t bytes, unsigned how) const;

  const std::string path_;
  const int fd_;
  std::uint64_t at_;
  std::uint64_t begun_;  ///< the disk has been given all before it
  std::uint64_t room_until_;
};

}  // namespace muster::storage
