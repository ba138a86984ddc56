#include "schemas/codec/codec_common.hpp"

namespace muster::codec::detail {

blob flatten(capnp::MessageBuilder& message) {
  auto array = capnp::messageToFlatArray(message);
  auto owner = std::make_shared<kj::Array<capnp::word>>(kj::mv(array));
  const auto* first = reinterpret_cast<const std::uint64_t*>(owner->begin());
  const std::size_t count = owner->size();
  return {std::shared_ptr<const std::uint64_t>(std::move(owner), first), count};
}

capnp::ReaderOptions reader_options(std::size_t words) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words * 4 + 1024;
  options.nestingLimit = 16;
  return options;
}

void put(const string_map& from, pairs::Builder to) {
  unsigned i = 0;
  for (const auto& [key, value] : from) {
    auto pair = to[i++];
    pair.setKey(text(key));
    pair.setValue(text(value));
  }
}

string_map get(pairs::Reader from) {
  string_map to;
  for (auto pair : from) to.emplace_hint(to.end(), text(pair.getKey()), text(pair.getValue()));
  return to;
}

void put(const std::vector<std::string>& from, texts::Builder to) {
  for (unsigned i = 0; i < to.size(); ++i) to.set(i, text(from[i]));
}

std::vector<std::string> get(texts::Reader from) {
  std::vector<std::string> to;
  to.reserve(from.size());
  for (auto t : from) to.push_back(text(t));
  return to;
}

void put(const std::vector<member_id>& from, numbers::Builder to) {
  for (unsigned i = 0; i < to.size(); ++i) to.set(i, from[i].value);
}

std::vector<member_id> get(numbers::Reader from) {
  std::vector<member_id> to;
  to.reserve(from.size());
  for (auto n : from) to.push_back({n});
  return to;
}

void put(const requestor& from, wire::Requestor::Builder to) {
  to.setUsername(text(from.username));
  to.setProtocol(text(from.protocol));
  to.setAddress(text(from.address));
}

requestor get(wire::Requestor::Reader from) {
  return {text(from.getUsername()), text(from.getProtocol()), text(from.getAddress())};
}

void put(const raft::configuration& from, wire::Configuration::Builder to) {
  const auto size = [](const auto& v) { return static_cast<unsigned>(v.size()); };
  put(from.voters, to.initVoters(size(from.voters)));
  put(from.outgoing, to.initOutgoing(size(from.outgoing)));
  put(from.standbys, to.initStandbys(size(from.standbys)));
  put(from.spares, to.initSpares(size(from.spares)));
}

raft::configuration get(wire::Configuration::Reader from) {
  return {get(from.getVoters()), get(from.getOutgoing()), get(from.getStandbys()),
          get(from.getSpares())};
}

void put(const row_key& from, wire::RowKey::Builder to) {
  to.setTable(static_cast<std::uint8_t>(from.where));
  to.setProject(from.project.value);
  to.setId(from.id.value);
}

result<row_key> get(wire::RowKey::Reader from) {
  auto where = checked(from.getTable(), table::last);
  if (!where) return where.error();
  return row_key{*where, {from.getProject()}, {from.getId()}};
}

void put(const std::vector<member_key>& from, member_keys::Builder to) {
  for (unsigned i = 0; i < to.size(); ++i) {
    to[i].setTable(static_cast<std::uint8_t>(from[i].where));
    to[i].setName(text(from[i].name));
    to[i].setKey(text(from[i].key));
    to[i].setValue(text(from[i].value));
  }
}

result<std::vector<member_key>> get(member_keys::Reader from) {
  std::vector<member_key> all;
  for (auto k : from) {
    auto where = checked(k.getTable(), table::last);
    if (!where) return where.error();
    all.push_back({*where, text(k.getName()), text(k.getKey()), text(k.getValue())});
  }
  return all;
}

}  // namespace muster::codec::detail
