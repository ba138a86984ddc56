#include "actors/keeper/maker.hpp"
#include "actors/keeper/pools/pool_places.hpp"

#include <filesystem>

namespace muster::keeper {

namespace fs = std::filesystem;

result<string_map> make_dir_pool(const wish& w) {
  const auto place = pool_place(w.data_dir, w.name);
  const auto source = source_of(w, place);
  std::error_code failed;
  if (source != place) {
    if (!source.starts_with('/'))
      return fail(errc::refused, "Source path \"" + source + "\" must be absolute");
    if (!fs::is_directory(source, failed))
      return fail(errc::refused, "Source path \"" + source + "\" doesn't exist");
    if (!w.before && !holds_only_pool(source))
      return fail(errc::refused, "Source path \"" + source + "\" isn't empty");
    if (auto linked = link_place(place, source); !linked) return linked.error();
  } else {
    fs::create_directories(place, failed);
    if (failed) return fail(errc::refused, "cannot make " + place + ": " + failed.message());
  }
  return string_map{{"source", source}};
}

status remove_dir_pool(const wish& w) {
  const auto place = pool_place(w.data_dir, w.name);
  if (auto emptied = empty_pool(place); !emptied) return emptied;
  std::error_code failed;
  fs::remove(place, failed);
  if (failed) return fail(errc::refused, "cannot remove " + place + ": " + failed.message());
  return ok();
}

}  // namespace muster::keeper
