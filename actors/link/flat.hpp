#pragma once
#include "schemas/basic/blob.hpp"
#include "schemas/basic/limits.hpp"

#include <caf/deserializer.hpp>
#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <caf/serializer.hpp>
#include <caf/type_id.hpp>

#include <string>

namespace muster::link {

/// A Cap'n Proto message as CAF carries it: within a member a shared pointer, between members its
/// words.
struct flat {
  blob words;
};

inline caf::error inspect(caf::serializer& f, flat& x) {
  auto count = static_cast<std::uint32_t>(x.words.words().size());
  if (auto failed = f(count)) return failed;
  if (count == 0) return caf::none;
  return f.apply_raw(x.words.size_bytes(), const_cast<std::uint64_t*>(x.words.words().data()));
}

/// The size is checked before anything is allocated.
inline caf::error inspect(caf::deserializer& f, flat& x) {
  std::uint32_t count = 0;
  if (auto failed = f(count)) return failed;
  if (count > limits::link_message_bytes_max / sizeof(std::uint64_t))
    return caf::make_error(caf::sec::invalid_argument);
  std::shared_ptr<std::uint64_t> words(new std::uint64_t[count + 1],
                                       std::default_delete<std::uint64_t[]>());
  if (count != 0)
    if (auto failed = f.apply_raw(count * sizeof(std::uint64_t), words.get())) return failed;
  x.words = {std::move(words), count};
  return caf::none;
}

inline std::string to_string(const flat& x) {
  return "flat(" + std::to_string(x.words.size_bytes()) + ")";
}

}  // namespace muster::link

CAF_BEGIN_TYPE_ID_BLOCK(muster, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(muster, (muster::link::flat))
CAF_END_TYPE_ID_BLOCK(muster)
