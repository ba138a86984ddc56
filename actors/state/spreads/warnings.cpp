#include "actors/state/spreads/warnings.hpp"

#include "actors/state/commands/handlers.hpp"
#include "schemas/basic/limits.hpp"

#include <cstdio>

namespace muster::state {

namespace {

std::optional<warning> find_warning(const transaction& tx, std::string_view type,
                                    member_id location, const row_key& about) {
  std::optional<warning> found;
  tx.each(table::warning, std::nullopt, [&](const object& o) {
    const auto& w = std::get<warning>(o);
    if (w.type == type && w.location == location && w.about == about) found = w;
    return !found;
  });
  return found;
}

/// The same on every member.
std::string uuid_of(object_id id, std::uint64_t stamp_ms) {
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-4000-8000-%012llx",
                static_cast<unsigned>(stamp_ms >> 16), static_cast<unsigned>(stamp_ms & 0xffff),
                static_cast<unsigned long long>(id.value & 0xffffffffffffULL));
  return text;
}

}  // namespace

void raise(transaction& tx, const raise_warning& what) {
  auto row = find_warning(tx, what.type, what.location, what.about);
  if (row) {
    ++row->count;
    if (row->status == warning_status::resolved) row->status = warning_status::fresh;
  } else {
    row.emplace();
    row->head.id = tx.next_object();
    row->uuid = uuid_of(row->head.id, tx.stamp_ms());
    row->type = what.type;
    row->location = what.location;
    row->about = what.about;
  }
  row->message = what.message.substr(0, limits::reason_bytes_max);
  row->weight = what.weight;
  row->last_seen_ms = tx.stamp_ms();
  tx.put(*row);
}

void settle(transaction& tx, std::string_view type, member_id location, const row_key& about) {
  auto row = find_warning(tx, type, location, about);
  if (!row || row->status == warning_status::resolved) return;
  row->status = warning_status::resolved;
  tx.put(*row);
}

void forget_warnings(transaction& tx, std::optional<member_id> location,
                     std::optional<row_key> about) {
  for (const auto& w : tx.all<warning>())
    if ((!location || w.location == *location) && (!about || w.about == *about))
      tx.erase(key_of(w));
}

outcome handle(transaction& tx, const requestor&, const raise_warning& b) {
  if (b.location && !tx.row<member>({}, {b.location.value}))
    return refuse(errc::not_found, "Cluster member not found");
  raise(tx, b);
  return done();
}

outcome handle(transaction& tx, const requestor&, const settle_warning& b) {
  settle(tx, b.type, b.location, b.about);
  return done();
}

}  // namespace muster::state
