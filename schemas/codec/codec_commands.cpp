#include "schemas/codec/codec.hpp"
#include "schemas/codec/codec_common.hpp"

#include <schemas/commands.capnp.h>

namespace muster::codec {

namespace {

using detail::text;
using builder = wire::Command::Builder;
using reader = wire::Command::Reader;

using detail::get;
using detail::put;

/// The row inside a command, which must be a T.
template <class T>
result<T> get_as(wire::Row::Reader from) {
  auto row = detail::get(from);
  if (!row) return row.error();
  if (auto* value = std::get_if<T>(&*row)) return std::move(*value);
  return fail(errc::corrupt, "a command holds a row of the wrong kind");
}

void put_body(const bootstrap& b, builder to) {
  auto in = to.initBootstrap();
  in.setUuid(text(b.uuid));
  in.setEpochRandom(b.epoch_random);
  detail::put(object{b.first}, in.initFirst());
  in.setEnabled(b.enabled);
  in.setClusterCertificate(text(b.cluster_certificate));
}
void put_body(const enable_cluster& b, builder to) {
  auto in = to.initEnableCluster();
  in.setName(text(b.name));
  in.setAddress(text(b.address));
  in.setCertificate(text(b.cluster_certificate));
}
void put_body(const create_object& b, builder to) { detail::put(b.value, to.initCreateObject()); }
void put_body(const replace_object& b, builder to) {
  auto in = to.initReplaceObject();
  detail::put(b.value, in.initValue());
  in.setExpected(b.expected.value);
}
void put_body(const erase_object& b, builder to) {
  auto in = to.initEraseObject();
  put(b.key, in.initKey());
  in.setExpected(b.expected.value);
}
void put_body(const rename_object& b, builder to) {
  auto in = to.initRenameObject();
  put(b.key, in.initKey());
  in.setName(text(b.name));
}
void put_body(const set_config& b, builder to) {
  auto in = to.initSetConfig();
  detail::put(b.changes, in.initChanges(static_cast<unsigned>(b.changes.size())));
  in.setExpected(b.expected.value);
  in.setOwnOf(b.own_of.value);
  detail::put(b.own_changes, in.initOwnChanges(static_cast<unsigned>(b.own_changes.size())));
}
void put_body(const claim_token& b, builder to) {
  auto in = to.initClaimToken();
  in.setSecretHash(text(b.secret_hash));
  in.setFingerprint(text(b.fingerprint));
}
void put_body(const redeem_token& b, builder to) {
  auto in = to.initRedeemToken();
  in.setSecretHash(text(b.secret_hash));
  detail::put(object{b.value}, in.initValue());
}
void put_body(const join_member& b, builder to) {
  auto in = to.initJoinMember();
  in.setSecretHash(text(b.secret_hash));
  detail::put(object{b.value}, in.initValue());
  put(b.config, in.initConfig(static_cast<unsigned>(b.config.size())));
}
void put_body(const move_instance& b, builder to) {
  auto in = to.initMoveInstance();
  put(b.key, in.initKey());
  in.setOwner(b.owner.value);
}
void put_body(const want_instance& b, builder to) {
  auto in = to.initWantInstance();
  put(b.key, in.initKey());
  in.setWanted(static_cast<std::uint8_t>(b.wanted));
  in.setAction(text(b.action));
}
void put_body(const report_instance& b, builder to) {
  auto in = to.initReportInstance();
  put(b.key, in.initKey());
  in.setGeneration(b.generation);
  in.setStatus(static_cast<std::uint8_t>(b.status));
  in.setAction(text(b.action));
}
void put_body(const locate_image& b, builder to) {
  auto in = to.initLocateImage();
  put(b.key, in.initKey());
  in.setMember(b.where.value);
  in.setPresent(b.present);
}
void put_body(const expire_tokens&, builder to) { to.setExpireTokens(); }
void put_body(const note_member& b, builder to) {
  auto in = to.initNoteMember();
  in.setAbout(b.about.value);
  in.setCondemned(b.condemned);
}
void put_body(const note_health& b, builder to) {
  auto list = to.initNoteHealth(static_cast<unsigned>(b.changes.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setAbout(b.changes[i].about.value);
    list[i].setIsOffline(b.changes[i].is_offline);
    list[i].setSilentSinceMs(b.changes[i].silent_since_ms);
    list[i].setLevel(b.changes[i].level);
  }
}
void put_body(const note_roles& b, builder to) {
  auto list = to.initNoteRoles(static_cast<unsigned>(b.changes.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setAbout(b.changes[i].about.value);
    list[i].setRole(text(b.changes[i].role));
    list[i].setReason(text(b.changes[i].reason));
  }
}
void put_body(const put_group& b, builder to) {
  auto in = to.initPutGroup();
  detail::put(object{b.value}, in.initValue());
  in.setIsNew(b.is_new);
  in.setSetsMembers(b.sets_members);
  detail::put(b.members, in.initMembers(static_cast<unsigned>(b.members.size())));
  in.setExpected(b.expected.value);
}
void put_body(const remove_member& b, builder to) {
  auto in = to.initRemoveMember();
  in.setWho(b.who.value);
  in.setForce(b.force);
}
void put_body(const relocate_member& b, builder to) {
  auto in = to.initRelocateMember();
  in.setWho(b.who.value);
  in.setAddress(text(b.address));
}
void put_body(const set_cluster_certificate& b, builder to) {
  auto in = to.initSetClusterCertificate();
  in.setCertificate(text(b.certificate));
  in.setFingerprint(text(b.fingerprint));
  detail::put(b.sealed, in.initSealed(static_cast<unsigned>(b.sealed.size())));
  in.setExpected(b.expected.value);
}
void put_body(const report_part& b, builder to) {
  auto in = to.initReportPart();
  put(b.key, in.initKey());
  in.setMember(b.on.value);
  in.setVersion(b.version);
  in.setState(static_cast<std::uint8_t>(b.state));
  in.setReason(text(b.reason));
  detail::put(b.config, in.initConfig(static_cast<unsigned>(b.config.size())));
}
void put_body(const raise_warning& b, builder to) {
  auto in = to.initRaiseWarning();
  in.setType(text(b.type));
  in.setLocation(b.location.value);
  put(b.about, in.initAbout());
  in.setMessage(text(b.message));
  in.setWeight(static_cast<std::uint8_t>(b.weight));
}
void put_body(const settle_warning& b, builder to) {
  auto in = to.initSettleWarning();
  in.setType(text(b.type));
  in.setLocation(b.location.value);
  put(b.about, in.initAbout());
}

void put_body(const raise_level& b, builder to) { to.setRaiseLevel(b.level); }
void put_body(const recover_cluster& b, builder to) {
  auto in = to.initRecoverCluster();
  in.setEpochCounter(b.epoch_counter);
  in.setEpochRandom(b.epoch_random);
  in.setSurvivor(b.survivor.value);
  auto dead = in.initDead(static_cast<unsigned>(b.dead.size()));
  for (unsigned i = 0; i < dead.size(); ++i) dead.set(i, b.dead[i].value);
}

result<command_body> get_body(wire::Command::Bootstrap::Reader in) {
  auto first = get_as<member>(in.getFirst());
  if (!first) return first.error();
  return command_body{bootstrap{text(in.getUuid()), in.getEpochRandom(), *std::move(first),
                                in.getEnabled(), text(in.getClusterCertificate())}};
}
result<command_body> get_body(wire::Command::ReplaceObject::Reader in) {
  auto value = detail::get(in.getValue());
  if (!value) return value.error();
  return command_body{replace_object{*std::move(value), {in.getExpected()}}};
}
result<command_body> get_body(wire::Command::EraseObject::Reader in) {
  auto key = get(in.getKey());
  if (!key) return key.error();
  return command_body{erase_object{*key, {in.getExpected()}}};
}
result<command_body> get_body(wire::Command::RenameObject::Reader in) {
  auto key = get(in.getKey());
  if (!key) return key.error();
  return command_body{rename_object{*key, text(in.getName())}};
}
result<command_body> get_body(wire::Command::RedeemToken::Reader in) {
  auto value = get_as<certificate>(in.getValue());
  if (!value) return value.error();
  return command_body{redeem_token{text(in.getSecretHash()), *std::move(value)}};
}
result<command_body> get_body(wire::Command::JoinMember::Reader in) {
  auto value = get_as<member>(in.getValue());
  if (!value) return value.error();
  auto config = get(in.getConfig());
  if (!config) return config.error();
  return command_body{join_member{text(in.getSecretHash()), *std::move(value), *std::move(config)}};
}
result<command_body> get_body(wire::Command::MoveInstance::Reader in) {
  auto key = get(in.getKey());
  if (!key) return key.error();
  return command_body{move_instance{*key, {in.getOwner()}}};
}
result<command_body> get_body(wire::Command::WantInstance::Reader in) {
  auto key = get(in.getKey());
  auto wanted = detail::checked(in.getWanted(), power::frozen);
  if (!key) return key.error();
  if (!wanted) return wanted.error();
  return command_body{want_instance{*key, *wanted, text(in.getAction())}};
}
result<command_body> get_body(wire::Command::ReportInstance::Reader in) {
  auto key = get(in.getKey());
  auto seen = detail::checked(in.getStatus(), instance_status::error);
  if (!key) return key.error();
  if (!seen) return seen.error();
  return command_body{report_instance{*key, in.getGeneration(), *seen, text(in.getAction())}};
}
result<command_body> get_body(wire::Command::LocateImage::Reader in) {
  auto key = get(in.getKey());
  if (!key) return key.error();
  return command_body{locate_image{*key, {in.getMember()}, in.getPresent()}};
}
result<command_body> get_body(wire::Command::PutGroup::Reader in) {
  auto value = get_as<cluster_group>(in.getValue());
  if (!value) return value.error();
  return command_body{put_group{*std::move(value),
                                in.getIsNew(),
                                in.getSetsMembers(),
                                detail::get(in.getMembers()),
                                {in.getExpected()}}};
}
result<command_body> get_body(wire::Command::SetClusterCertificate::Reader in) {
  return command_body{set_cluster_certificate{text(in.getCertificate()),
                                              text(in.getFingerprint()),
                                              detail::get(in.getSealed()),
                                              {in.getExpected()}}};
}
result<command_body> get_body(wire::ReportPart::Reader in) {
  auto key = get(in.getKey());
  auto state = detail::checked(in.getState(), part_state::errored);
  if (!key) return key.error();
  if (!state) return state.error();
  return command_body{report_part{*key,
                                  {in.getMember()},
                                  in.getVersion(),
                                  *state,
                                  text(in.getReason()),
                                  detail::get(in.getConfig())}};
}
result<command_body> get_body(wire::RaiseWarning::Reader in) {
  auto about = get(in.getAbout());
  auto weight = detail::checked(in.getWeight(), severity::high);
  if (!about) return about.error();
  if (!weight) return weight.error();
  return command_body{raise_warning{
      text(in.getType()), {in.getLocation()}, *about, text(in.getMessage()), *weight}};
}
result<command_body> get_body(wire::SettleWarning::Reader in) {
  auto about = get(in.getAbout());
  if (!about) return about.error();
  return command_body{settle_warning{text(in.getType()), {in.getLocation()}, *about}};
}

command_body get_health(capnp::List<wire::HealthChange>::Reader from) {
  note_health b;
  for (const auto c : from)
    b.changes.push_back({{c.getAbout()}, c.getIsOffline(), c.getSilentSinceMs(), c.getLevel()});
  return b;
}
command_body get_roles(capnp::List<wire::RoleChange>::Reader from) {
  note_roles b;
  for (const auto c : from)
    b.changes.push_back({{c.getAbout()}, text(c.getRole()), text(c.getReason())});
  return b;
}

result<command_body> get_body(wire::RecoverCluster::Reader in) {
  recover_cluster b{in.getEpochCounter(), in.getEpochRandom(), {in.getSurvivor()}, {}};
  for (const auto id : in.getDead()) b.dead.push_back({id});
  return command_body{std::move(b)};
}

/// About members, and what came after them.
result<command_body> get_later(reader from) {
  switch (from.which()) {
    case wire::Command::NOTE_HEALTH:
      return get_health(from.getNoteHealth());
    case wire::Command::NOTE_ROLES:
      return get_roles(from.getNoteRoles());
    case wire::Command::PUT_GROUP:
      return get_body(from.getPutGroup());
    case wire::Command::REMOVE_MEMBER: {
      auto in = from.getRemoveMember();
      return command_body{remove_member{{in.getWho()}, in.getForce()}};
    }
    case wire::Command::RELOCATE_MEMBER: {
      auto in = from.getRelocateMember();
      return command_body{relocate_member{{in.getWho()}, text(in.getAddress())}};
    }
    case wire::Command::SET_CLUSTER_CERTIFICATE:
      return get_body(from.getSetClusterCertificate());
    case wire::Command::REPORT_PART:
      return get_body(from.getReportPart());
    case wire::Command::RAISE_WARNING:
      return get_body(from.getRaiseWarning());
    case wire::Command::RAISE_LEVEL:
      return command_body{raise_level{from.getRaiseLevel()}};
    case wire::Command::RECOVER_CLUSTER:
      return get_body(from.getRecoverCluster());
    case wire::Command::SETTLE_WARNING:
      return get_body(from.getSettleWarning());
    default:
      return fail(errc::corrupt, "a command of a kind this version does not know");
  }
}

result<command_body> get_any(reader from) {
  switch (from.which()) {
    case wire::Command::BOOTSTRAP:
      return get_body(from.getBootstrap());
    case wire::Command::ENABLE_CLUSTER: {
      auto in = from.getEnableCluster();
      return command_body{
          enable_cluster{text(in.getName()), text(in.getAddress()), text(in.getCertificate())}};
    }
    case wire::Command::CREATE_OBJECT: {
      auto value = detail::get(from.getCreateObject());
      if (!value) return value.error();
      return command_body{create_object{*std::move(value)}};
    }
    case wire::Command::REPLACE_OBJECT:
      return get_body(from.getReplaceObject());
    case wire::Command::ERASE_OBJECT:
      return get_body(from.getEraseObject());
    case wire::Command::RENAME_OBJECT:
      return get_body(from.getRenameObject());
    case wire::Command::SET_CONFIG: {
      auto in = from.getSetConfig();
      return command_body{set_config{detail::get(in.getChanges()),
                                     {in.getExpected()},
                                     {in.getOwnOf()},
                                     detail::get(in.getOwnChanges())}};
    }
    case wire::Command::CLAIM_TOKEN: {
      auto in = from.getClaimToken();
      return command_body{claim_token{text(in.getSecretHash()), text(in.getFingerprint())}};
    }
    case wire::Command::REDEEM_TOKEN:
      return get_body(from.getRedeemToken());
    case wire::Command::JOIN_MEMBER:
      return get_body(from.getJoinMember());
    case wire::Command::MOVE_INSTANCE:
      return get_body(from.getMoveInstance());
    case wire::Command::WANT_INSTANCE:
      return get_body(from.getWantInstance());
    case wire::Command::REPORT_INSTANCE:
      return get_body(from.getReportInstance());
    case wire::Command::LOCATE_IMAGE:
      return get_body(from.getLocateImage());
    case wire::Command::EXPIRE_TOKENS:
      return command_body{expire_tokens{}};
    case wire::Command::NOTE_MEMBER: {
      auto in = from.getNoteMember();
      return command_body{note_member{{in.getAbout()}, in.getCondemned()}};
    }
    default:
      return get_later(from);
  }
}

}  // namespace

blob encode(const command& c) {
  capnp::word scratch[256] = {};
  capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 256));
  auto to = message.initRoot<wire::Command>();
  to.setMember(c.id.member.value);
  to.setIncarnation(c.id.started.value);
  to.setSequence(c.id.sequence);
  detail::put(c.who, to.initWho());
  to.setTrace(text(c.trace));
  std::visit([&](const auto& body) { put_body(body, to); }, c.body);
  return detail::flatten(message);
}

result<command> decode_command(const blob& bytes) {
  return detail::with_root<wire::Command>(
      detail::words_of(bytes), [](reader from) -> result<command> {
        auto body = get_any(from);
        if (!body) return body.error();
        return command{{{from.getMember()}, {from.getIncarnation()}, from.getSequence()},
                       detail::get(from.getWho()),
                       text(from.getTrace()),
                       *std::move(body)};
      });
}

}  // namespace muster::codec
