#include "schemas/codec/codec.hpp"
#include "schemas/codec/codec_common.hpp"

namespace muster::codec {

namespace {

using detail::bytes_of;
using detail::text;

/// The part of `whole` that `data` lies in; copies only where it is not aligned to words.
blob share(const blob& whole, capnp::Data::Reader data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data.begin());
  if (data.size() % 8 != 0 || address % 8 != 0)
    return blob::copy_of({reinterpret_cast<const char*>(data.begin()), data.size()});
  if (data.size() == 0) return {};
  return {std::shared_ptr<const std::uint64_t>(
              whole.owner(), reinterpret_cast<const std::uint64_t*>(data.begin())),
          data.size() / 8};
}

void put(const raft::entry& e, wire::Entry::Builder to) {
  to.setTerm(e.term.value);
  to.setIndex(e.index.value);
  to.setKind(static_cast<std::uint8_t>(e.kind));
  to.setStampMs(e.stamp_ms);
  to.setPayload(bytes_of(e.payload));
  if (e.members) detail::put(*e.members, to.initMembers());
}

result<raft::entry> get(wire::Entry::Reader from, const blob& whole) {
  auto kind = detail::checked(from.getKind(), raft::entry_kind::configuration);
  if (!kind) return kind.error();
  raft::entry e;
  e.term = {from.getTerm()};
  e.index = {from.getIndex()};
  e.kind = *kind;
  e.stamp_ms = from.getStampMs();
  e.payload = share(whole, from.getPayload());
  if (e.kind == raft::entry_kind::configuration)
    e.members = std::make_shared<const raft::configuration>(detail::get(from.getMembers()));
  return e;
}

void put(const raft::snapshot_meta& m, wire::SnapshotMeta::Builder to) {
  to.setIndex(m.index.value);
  to.setTerm(m.term.value);
  to.setStampMs(m.stamp_ms);
  detail::put(m.members, to.initMembers());
  to.setDigest(m.digest);
}

raft::snapshot_meta get(wire::SnapshotMeta::Reader from) {
  return {{from.getIndex()},
          {from.getTerm()},
          from.getStampMs(),
          detail::get(from.getMembers()),
          from.getDigest()};
}

using raft_builder = wire::RaftMessage::Builder;

void put_chain(const raft::chain_point& at, raft_builder to) {
  to.setChainIndex(at.index.value);
  to.setChainDigest(at.digest);
}
raft::chain_point get_chain(wire::RaftMessage::Reader from) {
  return {{from.getChainIndex()}, from.getChainDigest()};
}

void put_body(const raft::vote_request& b, raft_builder to) {
  auto in = to.initVoteRequest();
  in.setIsPre(b.is_pre);
  in.setDisruptive(b.disruptive);
  in.setLastIndex(b.last_index.value);
  in.setLastTerm(b.last_term.value);
}
void put_body(const raft::vote_response& b, raft_builder to) {
  auto in = to.initVoteResponse();
  in.setIsPre(b.is_pre);
  in.setGranted(b.granted);
}
void put_body(const raft::append_request& b, raft_builder to) {
  auto in = to.initAppendRequest();
  in.setPreviousIndex(b.previous_index.value);
  in.setPreviousTerm(b.previous_term.value);
  in.setCommit(b.commit.value);
  auto entries = in.initEntries(static_cast<unsigned>(b.entries.size()));
  for (unsigned i = 0; i < entries.size(); ++i) put(b.entries[i], entries[i]);
}
void put_body(const raft::append_response& b, raft_builder to) {
  auto in = to.initAppendResponse();
  in.setRejected(b.rejected);
  in.setMatch(b.match.value);
  in.setRejectedAt(b.rejected_at.value);
  in.setHintIndex(b.hint_index.value);
  in.setHintTerm(b.hint_term.value);
  put_chain(b.applied, to);
}
void put_body(const raft::heartbeat& b, raft_builder to) {
  auto in = to.initHeartbeat();
  in.setCommit(b.commit.value);
  in.setReadRound(b.read_round);
  put_chain(b.condemned, to);
}
void put_body(const raft::heartbeat_response& b, raft_builder to) {
  auto in = to.initHeartbeatResponse();
  in.setReadRound(b.read_round);
  in.setApplied(b.applied.index.value);
  put_chain(b.applied, to);
  to.setCondemned(b.condemned);
}
void put_body(const raft::read_request& b, raft_builder to) { to.initReadRequest().setTag(b.tag); }
void put_body(const raft::read_response& b, raft_builder to) {
  auto in = to.initReadResponse();
  in.setTag(b.tag);
  in.setRefused(b.refused);
  in.setIndex(b.index.value);
}
void put_body(const raft::snapshot_offer& b, raft_builder to) {
  put(b.meta, to.initSnapshotOffer());
}
void put_body(const raft::timeout_now&, raft_builder to) { to.setTimeoutNow(); }

result<raft::message_body> get_append(wire::RaftMessage::AppendRequest::Reader in,
                                      const blob& whole) {
  raft::append_request b;
  b.previous_index = {in.getPreviousIndex()};
  b.previous_term = {in.getPreviousTerm()};
  b.commit = {in.getCommit()};
  b.entries.reserve(in.getEntries().size());
  log_index expected = b.previous_index + 1;
  for (auto from : in.getEntries()) {
    auto e = get(from, whole);
    if (!e) return e.error();
    if (e->index != expected)
      return fail(errc::corrupt, "entries of an append are not consecutive");
    expected = expected + 1;
    b.entries.push_back(*std::move(e));
  }
  return raft::message_body{std::move(b)};
}

result<raft::message_body> get_body(wire::RaftMessage::Reader from, const blob& whole) {
  switch (from.which()) {
    case wire::RaftMessage::VOTE_REQUEST: {
      auto in = from.getVoteRequest();
      return raft::message_body{raft::vote_request{
          in.getIsPre(), in.getDisruptive(), {in.getLastIndex()}, {in.getLastTerm()}}};
    }
    case wire::RaftMessage::VOTE_RESPONSE: {
      auto in = from.getVoteResponse();
      return raft::message_body{raft::vote_response{in.getIsPre(), in.getGranted()}};
    }
    case wire::RaftMessage::APPEND_REQUEST:
      return get_append(from.getAppendRequest(), whole);
    case wire::RaftMessage::APPEND_RESPONSE: {
      auto in = from.getAppendResponse();
      return raft::message_body{raft::append_response{in.getRejected(),
                                                      {in.getMatch()},
                                                      {in.getRejectedAt()},
                                                      {in.getHintIndex()},
                                                      {in.getHintTerm()},
                                                      get_chain(from)}};
    }
    case wire::RaftMessage::HEARTBEAT: {
      auto in = from.getHeartbeat();
      return raft::message_body{
          raft::heartbeat{{in.getCommit()}, in.getReadRound(), get_chain(from)}};
    }
    case wire::RaftMessage::HEARTBEAT_RESPONSE: {
      auto in = from.getHeartbeatResponse();
      return raft::message_body{
          raft::heartbeat_response{in.getReadRound(), get_chain(from), from.getCondemned()}};
    }
    case wire::RaftMessage::READ_REQUEST:
      return raft::message_body{raft::read_request{from.getReadRequest().getTag()}};
    case wire::RaftMessage::READ_RESPONSE: {
      auto in = from.getReadResponse();
      return raft::message_body{raft::read_response{in.getTag(), in.getRefused(), {in.getIndex()}}};
    }
    case wire::RaftMessage::SNAPSHOT_OFFER:
      return raft::message_body{raft::snapshot_offer{get(from.getSnapshotOffer())}};
    case wire::RaftMessage::TIMEOUT_NOW:
      return raft::message_body{raft::timeout_now{}};
  }
  return fail(errc::corrupt, "a raft message of a kind this version does not know");
}

using link_builder = wire::LinkMessage::Builder;

void put_link(const hello& h, link_builder to) {
  auto in = to.initHello();
  in.setProtocolLowest(h.protocol_lowest);
  in.setProtocolHighest(h.protocol_highest);
  in.setClusterUuid(text(h.cluster_uuid));
  in.setEpochCounter(h.epoch_counter);
  in.setEpochRandom(h.epoch_random);
  in.setMember(h.member.value);
  in.setIncarnation(h.started.value);
  in.setTerm(h.term.value);
  in.setLevel(h.level);
  in.setVersion(text(h.version));
}
void put_link(const beat& b, link_builder to) {
  to.setBeat();
  to.setWallMs(b.wall_ms);
}
void put_link(const raft::message& m, link_builder to) {
  auto in = to.initRaft();
  in.setFrom(m.from.value);
  in.setTo(m.to.value);
  in.setTerm(m.term.value);
  std::visit([&](const auto& body) { put_body(body, in); }, m.body);
}
void put_link(const submit& s, link_builder to) {
  auto in = to.initSubmit();
  in.setTag(s.tag);
  in.setCommand(bytes_of(s.command));
}
void put_link(const submit_refused& s, link_builder to) {
  auto in = to.initSubmitRefused();
  in.setTag(s.tag);
  in.setCode(static_cast<std::uint8_t>(s.why.code));
  in.setText(text(s.why.detail));
}
void put_link(const operation_event& e, link_builder to) { to.setOperationEvent(text(e.json)); }
void put_link(const hand_over& h, link_builder to) { to.setHandOver(h.is_done); }

result<link_body> get_link(wire::LinkMessage::Reader from, const blob& whole) {
  switch (from.which()) {
    case wire::LinkMessage::HELLO: {
      auto in = from.getHello();
      hello h{in.getProtocolLowest(), in.getProtocolHighest(), text(in.getClusterUuid()),
              in.getEpochCounter(),   in.getEpochRandom(),     {in.getMember()},
              {in.getIncarnation()},  {in.getTerm()},          in.getLevel(),
              text(in.getVersion())};
      return link_body{std::move(h)};
    }
    case wire::LinkMessage::BEAT:
      return link_body{beat{from.getWallMs()}};
    case wire::LinkMessage::RAFT: {
      auto in = from.getRaft();
      auto body = get_body(in, whole);
      if (!body) return body.error();
      return link_body{
          raft::message{{in.getFrom()}, {in.getTo()}, {in.getTerm()}, *std::move(body)}};
    }
    case wire::LinkMessage::SUBMIT: {
      auto in = from.getSubmit();
      return link_body{submit{in.getTag(), share(whole, in.getCommand())}};
    }
    case wire::LinkMessage::SUBMIT_REFUSED: {
      auto in = from.getSubmitRefused();
      auto code = detail::checked(in.getCode(), errc::corrupt);
      if (!code) return code.error();
      return link_body{submit_refused{in.getTag(), {*code, text(in.getText())}}};
    }
    case wire::LinkMessage::OPERATION_EVENT:
      return link_body{operation_event{text(from.getOperationEvent())}};
    case wire::LinkMessage::HAND_OVER:
      return link_body{hand_over{from.getHandOver()}};
  }
  return fail(errc::corrupt, "a message of a kind this version does not know");
}

template <class Root, class T>
blob encode_root(const T& value) {
  capnp::word scratch[256] = {};
  capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 256));
  put(value, message.initRoot<Root>());
  return detail::flatten(message);
}

}  // namespace

blob encode(const raft::entry& e) { return encode_root<wire::Entry>(e); }

result<raft::entry> decode_entry(std::string_view bytes) {
  const blob whole = blob::copy_of(bytes);
  return detail::with_root<wire::Entry>(detail::words_of(whole),
                                        [&](auto root) { return get(root, whole); });
}

blob encode(const raft::hard_state& h) {
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<wire::HardState>();
  to.setTerm(h.term.value);
  to.setVote(h.vote.value);
  return detail::flatten(message);
}

result<raft::hard_state> decode_hard_state(std::string_view bytes) {
  const blob whole = blob::copy_of(bytes);
  return detail::with_root<wire::HardState>(
      detail::words_of(whole), [](wire::HardState::Reader h) -> result<raft::hard_state> {
        return raft::hard_state{{h.getTerm()}, {h.getVote()}};
      });
}

blob encode(const raft::snapshot_meta& m) { return encode_root<wire::SnapshotMeta>(m); }

result<raft::snapshot_meta> decode_snapshot_meta(std::string_view bytes) {
  const blob whole = blob::copy_of(bytes);
  return detail::with_root<wire::SnapshotMeta>(
      detail::words_of(whole),
      [](wire::SnapshotMeta::Reader m) -> result<raft::snapshot_meta> { return get(m); });
}

blob encode(const link_message& m) {
  capnp::word scratch[512] = {};
  capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 512));
  auto to = message.initRoot<wire::LinkMessage>();
  to.setSequence(m.sequence);
  to.setSession(m.session);
  to.setAcknowledged(m.acknowledged);
  to.setDeadlineMs(m.deadline_ms);
  std::visit([&](const auto& body) { put_link(body, to); }, m.body);
  return detail::flatten(message);
}

result<link_message> decode_link_message(const blob& bytes) {
  return detail::with_root<wire::LinkMessage>(
      detail::words_of(bytes), [&](wire::LinkMessage::Reader from) -> result<link_message> {
        auto body = get_link(from, bytes);
        if (!body) return body.error();
        return link_message{from.getSequence(), from.getSession(), from.getAcknowledged(),
                            from.getDeadlineMs(), *std::move(body)};
      });
}

}  // namespace muster::codec
