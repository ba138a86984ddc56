#include "schemas/basic/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace muster {

void broken(std::string_view what, const char* file, int line) {
  std::fprintf(stderr, "musterd: broken invariant: %.*s (%s:%d)\n", static_cast<int>(what.size()),
               what.data(), file, line);
  std::abort();
}

}  // namespace muster
