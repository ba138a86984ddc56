#include "schemas/codec/codec_spreads.hpp"

namespace muster::codec::detail {

namespace {

void put_spread(const spread& r, wire::Spread::Builder to) {
  to.setIsPending(r.is_pending);
  to.setVersion(r.version);
  auto parts = to.initParts(count(r.parts));
  unsigned i = 0;
  for (const auto& [id, p] : r.parts) {
    auto at = parts[i++];
    at.setMember(id.value);
    put(p.config, at.initConfig(count(p.config)));
    at.setState(static_cast<std::uint8_t>(p.state));
    at.setReason(text(p.reason));
    at.setVersion(p.version);
  }
}
result<spread> get_spread(wire::Spread::Reader from) {
  spread r;
  r.is_pending = from.getIsPending();
  r.version = from.getVersion();
  for (auto p : from.getParts()) {
    auto state = checked(p.getState(), part_state::errored);
    if (!state) return state.error();
    r.parts.emplace(member_id{p.getMember()},
                    part{get(p.getConfig()), *state, text(p.getReason()), p.getVersion()});
  }
  return r;
}

}  // namespace

void put_row(const storage_pool& r, wire::Row::Builder row) {
  auto to = row.initStoragePool();
  to.setName(text(r.name));
  to.setDriver(text(r.driver));
  to.setDescription(text(r.description));
  put(r.config, to.initConfig(count(r.config)));
  put_spread(r.across, to.initAcross());
}
result<object> get_row(wire::StoragePool::Reader from) {
  auto across = get_spread(from.getAcross());
  if (!across) return across.error();
  storage_pool r;
  r.name = text(from.getName());
  r.driver = text(from.getDriver());
  r.description = text(from.getDescription());
  r.config = get(from.getConfig());
  r.across = *std::move(across);
  return object{std::move(r)};
}

void put_row(const network& r, wire::Row::Builder row) {
  auto to = row.initNetwork();
  to.setName(text(r.name));
  to.setType(text(r.type));
  to.setDescription(text(r.description));
  put(r.config, to.initConfig(count(r.config)));
  put_spread(r.across, to.initAcross());
}
result<object> get_row(wire::Network::Reader from) {
  auto across = get_spread(from.getAcross());
  if (!across) return across.error();
  network r;
  r.name = text(from.getName());
  r.type = text(from.getType());
  r.description = text(from.getDescription());
  r.config = get(from.getConfig());
  r.across = *std::move(across);
  return object{std::move(r)};
}

void put_row(const warning& r, wire::Row::Builder row) {
  auto to = row.initWarning();
  to.setUuid(text(r.uuid));
  to.setType(text(r.type));
  to.setLocation(r.location.value);
  put(r.about, to.initAbout());
  to.setMessage(text(r.message));
  to.setWeight(static_cast<std::uint8_t>(r.weight));
  to.setStatus(static_cast<std::uint8_t>(r.status));
  to.setCount(r.count);
  to.setLastSeenMs(r.last_seen_ms);
}
result<object> get_row(wire::Warning::Reader from) {
  auto about = get(from.getAbout());
  auto weight = checked(from.getWeight(), severity::high);
  auto now = checked(from.getStatus(), warning_status::resolved);
  if (!about) return about.error();
  if (!weight) return weight.error();
  if (!now) return now.error();
  warning r;
  r.uuid = text(from.getUuid());
  r.type = text(from.getType());
  r.location = {from.getLocation()};
  r.about = *about;
  r.message = text(from.getMessage());
  r.weight = *weight;
  r.status = *now;
  r.count = from.getCount();
  r.last_seen_ms = from.getLastSeenMs();
  return object{std::move(r)};
}

void put_row(const leftover& r, wire::Row::Builder row) {
  auto to = row.initLeftover();
  put(r.of, to.initOf());
  to.setOfName(text(r.of_name));
  to.setOn(r.on.value);
  to.setReason(text(r.reason));
}
result<object> get_row(wire::Leftover::Reader from) {
  auto of = get(from.getOf());
  if (!of) return of.error();
  leftover r;
  r.of = *of;
  r.of_name = text(from.getOfName());
  r.on = {from.getOn()};
  r.reason = text(from.getReason());
  return object{std::move(r)};
}

}  // namespace muster::codec::detail
