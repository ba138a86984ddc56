#include "actors/state/commands/handlers.hpp"

#include <algorithm>

namespace muster::state {

outcome handle(transaction& tx, const requestor&, const locate_image& b) {
  if (b.key.where != table::image) return refuse(errc::not_found, "Image not found");
  auto row = tx.row<image>(b.key.project, b.key.id);
  if (!row) return refuse(errc::not_found, "Image not found");
  auto& at = row->locations;
  const auto place = std::lower_bound(at.begin(), at.end(), b.where);
  const bool held = place != at.end() && *place == b.where;
  if (b.present == held) return done(row->head.id);
  if (b.present)
    at.insert(place, b.where);
  else
    at.erase(place);
  tx.put(*row);
  return done(row->head.id);
}

}  // namespace muster::state
