#include "actors/keeper/maker.hpp"

#include <net/if.h>

namespace muster::keeper {

result<string_map> check_parent(const wish& w) {
  const auto parent = w.value("parent");
  if (parent.empty()) return fail(errc::refused, "Missing required \"parent\" key");
  if (::if_nametoindex(parent.c_str()) == 0)
    return fail(errc::refused, "Parent interface \"" + parent + "\" not found");
  return string_map{};
}

status leave_parent(const wish&) { return ok(); }

}  // namespace muster::keeper
