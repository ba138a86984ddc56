#include "schemas/basic/blob.hpp"

#include <cstring>

namespace muster {

blob blob::copy_of(std::string_view bytes) {
  const std::size_t count = (bytes.size() + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
  if (count == 0) return {};
  std::shared_ptr<std::uint64_t> words(new std::uint64_t[count],
                                       std::default_delete<std::uint64_t[]>());
  words.get()[count - 1] = 0;
  std::memcpy(words.get(), bytes.data(), bytes.size());
  return {std::move(words), count};
}

}  // namespace muster
