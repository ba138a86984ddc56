#pragma once
#include "schemas/basic/blob.hpp"
#include "schemas/basic/limits.hpp"
#include "schemas/basic/result.hpp"
#include "schemas/raft_types.hpp"
#include "schemas/records.hpp"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <schemas/messages.capnp.h>
#include <schemas/records.capnp.h>
#include <string>
#include <string_view>
#include <vector>

/// What the codec files share. Nobody else includes this.
namespace muster::codec::detail {

inline unsigned count(const auto& container) { return static_cast<unsigned>(container.size()); }
inline kj::StringPtr text(const std::string& s) { return {s.c_str(), s.size()}; }
inline std::string text(capnp::Text::Reader t) { return {t.begin(), t.size()}; }
inline kj::ArrayPtr<const capnp::word> words_of(const blob& b) {
  return {reinterpret_cast<const capnp::word*>(b.words().data()), b.words().size()};
}
inline kj::ArrayPtr<const kj::byte> bytes_of(const blob& b) {
  return {reinterpret_cast<const kj::byte*>(b.words().data()), b.size_bytes()};
}

blob flatten(capnp::MessageBuilder& message);

using pairs = capnp::List<wire::Pair>;
using texts = capnp::List<capnp::Text>;
using numbers = capnp::List<std::uint64_t>;
void put(const string_map& from, pairs::Builder to);
string_map get(pairs::Reader from);
void put(const std::vector<std::string>& from, texts::Builder to);
std::vector<std::string> get(texts::Reader from);
void put(const std::vector<member_id>& from, numbers::Builder to);
std::vector<member_id> get(numbers::Reader from);
void put(const requestor& from, wire::Requestor::Builder to);
requestor get(wire::Requestor::Reader from);
void put(const row_key& from, wire::RowKey::Builder to);
result<row_key> get(wire::RowKey::Reader from);
using member_keys = capnp::List<wire::MemberKey>;
void put(const std::vector<member_key>& from, member_keys::Builder to);
result<std::vector<member_key>> get(member_keys::Reader from);
void put(const raft::configuration& from, wire::Configuration::Builder to);
raft::configuration get(wire::Configuration::Reader from);

void put(const object& row, wire::Row::Builder to);
result<object> get(wire::Row::Reader from);

/// Bytes checked by us before they are read: no traversal bound beyond the message itself.
capnp::ReaderOptions reader_options(std::size_t words);

/// Runs `read` on the root of `bytes`; an exception of Cap'n Proto becomes errc::corrupt.
template <class Root, class F>
auto with_root(kj::ArrayPtr<const capnp::word> words, F&& read)
    -> decltype(read(std::declval<typename Root::Reader>())) {
  try {
    capnp::FlatArrayMessageReader reader(words, reader_options(words.size()));
    return read(reader.getRoot<Root>());
  } catch (const kj::Exception& e) {
    return fail(errc::corrupt, std::string("bad message: ") + e.getDescription().cStr());
  }
}

/// An enum kept as a number; beyond `highest` the bytes are from a newer member or damaged.
template <class E>
result<E> checked(std::uint8_t number, E highest) {
  if (number > static_cast<std::uint8_t>(highest))
    return fail(errc::corrupt, "a value beyond what this version knows");
  return static_cast<E>(number);
}

}  // namespace muster::codec::detail
