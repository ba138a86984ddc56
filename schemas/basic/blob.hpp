#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace muster {

/// Immutable shared bytes in whole 8-byte words, so that Cap'n Proto reads them in place.
/// A copy is a reference count; a part may share the owner of the whole.
class blob {
public:
  blob() = default;
  blob(std::shared_ptr<const std::uint64_t> words, std::size_t word_count)
      : words_(std::move(words)), word_count_(word_count) {}
  /// Copies; a tail short of a word is padded with zeros.
  static blob copy_of(std::string_view bytes);
  [[nodiscard]] std::span<const std::uint64_t> words() const { return {words_.get(), word_count_}; }
  [[nodiscard]] std::size_t size_bytes() const { return word_count_ * sizeof(std::uint64_t); }
  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(words_.get()), size_bytes()};
  }
  [[nodiscard]] const std::shared_ptr<const std::uint64_t>& owner() const { return words_; }
  bool operator==(const blob& other) const { return bytes() == other.bytes(); }

private:
  std::shared_ptr<const std::uint64_t> words_;
  std::size_t word_count_ = 0;
};

}  // namespace muster
