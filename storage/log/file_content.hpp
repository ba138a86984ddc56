#pragma once
#include "schemas/basic/result.hpp"

#include <string>
#include <string_view>

namespace muster::storage {

/// A file that was read whole, in memory that goes back to the system afterwards.
class file_content {
public:
  /// @errors errc::corrupt: it cannot be read.
  static result<file_content> open(const std::string& path);
  file_content(file_content&& other) noexcept;
  file_content& operator=(file_content&&) = delete;
  ~file_content();

  [[nodiscard]] std::string_view bytes() const { return {data_, size_bytes_}; }

private:
  file_content(char* data, std::size_t size_bytes) : data_(data), size_bytes_(size_bytes) {}

  char* data_;
  std::size_t size_bytes_;
};

}  // namespace muster::storage
