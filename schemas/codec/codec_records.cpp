#include "schemas/codec/codec.hpp"
#include "schemas/codec/codec_common.hpp"
#include "schemas/codec/codec_spreads.hpp"

namespace muster::codec {

namespace detail {

namespace {

using detail::get_row;
using detail::put_row;

void put_devices(const device_map& from, capnp::List<wire::Device>::Builder to) {
  unsigned i = 0;
  for (const auto& [name, config] : from) {
    auto device = to[i++];
    device.setName(text(name));
    put(config, device.initConfig(count(config)));
  }
}

device_map get_devices(capnp::List<wire::Device>::Reader from) {
  device_map to;
  for (auto device : from) to.emplace(text(device.getName()), get(device.getConfig()));
  return to;
}

void put_row(const counters& r, wire::Row::Builder row) {
  auto to = row.initCounters();
  to.setNextObject(r.next_object);
  to.setNextMember(r.next_member);
  to.setNextEvent(r.next_event);
}
counters get_row(wire::Counters::Reader from) {
  counters r;
  r.next_object = from.getNextObject();
  r.next_member = from.getNextMember();
  r.next_event = from.getNextEvent();
  return r;
}

void put_row(const cluster& r, wire::Row::Builder row) {
  auto to = row.initCluster();
  to.setUuid(text(r.uuid));
  to.setEnabled(r.enabled);
  to.setCertificate(text(r.certificate));
  to.setLevel(r.level);
  to.setEpochCounter(r.epoch_counter);
  to.setEpochRandom(r.epoch_random);
  to.setFingerprint(text(r.fingerprint));
}
cluster get_row(wire::Cluster::Reader from) {
  cluster r;
  r.uuid = text(from.getUuid());
  r.enabled = from.getEnabled();
  r.certificate = text(from.getCertificate());
  r.level = from.getLevel();
  r.epoch_counter = from.getEpochCounter();
  r.epoch_random = from.getEpochRandom();
  r.fingerprint = text(from.getFingerprint());
  return r;
}

void put_row(const server_config& r, wire::Row::Builder row) {
  put(r.config, row.initServerConfig().initConfig(count(r.config)));
}
server_config get_row(wire::ServerConfig::Reader from) {
  server_config r;
  r.config = get(from.getConfig());
  return r;
}

void put_row(const member& r, wire::Row::Builder row) {
  auto to = row.initMember();
  to.setName(text(r.name));
  to.setAddress(text(r.address));
  to.setCertificate(text(r.certificate));
  to.setFingerprint(text(r.fingerprint));
  to.setArchitecture(text(r.architecture));
  to.setDescription(text(r.description));
  to.setFailureDomain(text(r.failure_domain));
  put(r.config, to.initConfig(count(r.config)));
  put(r.groups, to.initGroups(count(r.groups)));
  put(r.roles, to.initRoles(count(r.roles)));
  to.setState(static_cast<std::uint8_t>(r.state));
  to.setJoinSecretHash(text(r.join_secret_hash));
  put(r.own_config, to.initOwnConfig(count(r.own_config)));
}
result<object> get_row(wire::Member::Reader from) {
  auto state = checked(from.getState(), member_state::restoring);
  if (!state) return state.error();
  member r;
  r.name = text(from.getName());
  r.address = text(from.getAddress());
  r.certificate = text(from.getCertificate());
  r.fingerprint = text(from.getFingerprint());
  r.architecture = text(from.getArchitecture());
  r.description = text(from.getDescription());
  r.failure_domain = text(from.getFailureDomain());
  r.config = get(from.getConfig());
  r.groups = get(from.getGroups());
  r.roles = get(from.getRoles());
  r.state = *state;
  r.join_secret_hash = text(from.getJoinSecretHash());
  r.own_config = get(from.getOwnConfig());
  return object{std::move(r)};
}

void put_row(const certificate& r, wire::Row::Builder row) {
  auto to = row.initCertificate();
  to.setFingerprint(text(r.fingerprint));
  to.setType(text(r.type));
  to.setName(text(r.name));
  to.setPem(text(r.pem));
  to.setDescription(text(r.description));
  to.setRestricted(r.restricted);
  put(r.projects, to.initProjects(count(r.projects)));
}
certificate get_row(wire::Certificate::Reader from) {
  certificate r;
  r.fingerprint = text(from.getFingerprint());
  r.type = text(from.getType());
  r.name = text(from.getName());
  r.pem = text(from.getPem());
  r.description = text(from.getDescription());
  r.restricted = from.getRestricted();
  r.projects = get(from.getProjects());
  return r;
}

void put_row(const token& r, wire::Row::Builder row) {
  auto to = row.initToken();
  to.setKind(static_cast<std::uint8_t>(r.kind));
  to.setUuid(text(r.uuid));
  to.setName(text(r.name));
  to.setSecretHash(text(r.secret_hash));
  to.setSealedSecret(text(r.sealed_secret));
  put(r.addresses, to.initAddresses(count(r.addresses)));
  to.setFingerprint(text(r.fingerprint));
  to.setExpiresMs(r.expires_ms);
  to.setClaimedBy(text(r.claimed_by));
  to.setRestricted(r.restricted);
  put(r.projects, to.initProjects(count(r.projects)));
  to.setLocation(text(r.location));
  to.setReplaces(r.replaces.value);
}
result<object> get_row(wire::Token::Reader from) {
  auto kind = checked(from.getKind(), token_kind::trust);
  if (!kind) return kind.error();
  token r;
  r.kind = *kind;
  r.uuid = text(from.getUuid());
  r.name = text(from.getName());
  r.secret_hash = text(from.getSecretHash());
  r.sealed_secret = text(from.getSealedSecret());
  r.addresses = get(from.getAddresses());
  r.fingerprint = text(from.getFingerprint());
  r.expires_ms = from.getExpiresMs();
  r.claimed_by = text(from.getClaimedBy());
  r.restricted = from.getRestricted();
  r.projects = get(from.getProjects());
  r.location = text(from.getLocation());
  r.replaces = {from.getReplaces()};
  return object{std::move(r)};
}

void put_row(const project& r, wire::Row::Builder row) {
  auto to = row.initProject();
  to.setName(text(r.name));
  to.setDescription(text(r.description));
  put(r.config, to.initConfig(count(r.config)));
}
project get_row(wire::Project::Reader from) {
  project r;
  r.name = text(from.getName());
  r.description = text(from.getDescription());
  r.config = get(from.getConfig());
  return r;
}

void put_row(const profile& r, wire::Row::Builder row) {
  auto to = row.initProfile();
  to.setName(text(r.name));
  to.setDescription(text(r.description));
  put(r.config, to.initConfig(count(r.config)));
  put_devices(r.devices, to.initDevices(count(r.devices)));
}
profile get_row(wire::Profile::Reader from) {
  profile r;
  r.name = text(from.getName());
  r.description = text(from.getDescription());
  r.config = get(from.getConfig());
  r.devices = get_devices(from.getDevices());
  return r;
}

void put_row(const image& r, wire::Row::Builder row) {
  auto to = row.initImage();
  to.setFingerprint(text(r.fingerprint));
  to.setFilename(text(r.filename));
  to.setArchitecture(text(r.architecture));
  to.setType(text(r.type));
  to.setSizeBytes(r.size_bytes);
  to.setIsPublic(r.is_public);
  to.setAutoUpdate(r.auto_update);
  to.setCached(r.cached);
  put(r.properties, to.initProperties(count(r.properties)));
  put(r.profiles, to.initProfiles(count(r.profiles)));
  to.setMadeMs(r.made_ms);
  to.setExpiresMs(r.expires_ms);
  put(r.locations, to.initLocations(count(r.locations)));
}
image get_row(wire::Image::Reader from) {
  image r;
  r.fingerprint = text(from.getFingerprint());
  r.filename = text(from.getFilename());
  r.architecture = text(from.getArchitecture());
  r.type = text(from.getType());
  r.size_bytes = from.getSizeBytes();
  r.is_public = from.getIsPublic();
  r.auto_update = from.getAutoUpdate();
  r.cached = from.getCached();
  r.properties = get(from.getProperties());
  r.profiles = get(from.getProfiles());
  r.made_ms = from.getMadeMs();
  r.expires_ms = from.getExpiresMs();
  r.locations = get(from.getLocations());
  return r;
}

void put_row(const image_alias& r, wire::Row::Builder row) {
  auto to = row.initImageAlias();
  to.setName(text(r.name));
  to.setDescription(text(r.description));
  to.setTarget(r.target.value);
}
image_alias get_row(wire::ImageAlias::Reader from) {
  image_alias r;
  r.name = text(from.getName());
  r.description = text(from.getDescription());
  r.target = {from.getTarget()};
  return r;
}

void put_row(const instance& r, wire::Row::Builder row) {
  auto to = row.initInstance();
  to.setName(text(r.name));
  to.setUuid(text(r.uuid));
  to.setArchitecture(text(r.architecture));
  to.setType(text(r.type));
  to.setDescription(text(r.description));
  to.setImageFingerprint(text(r.image_fingerprint));
  put(r.config, to.initConfig(count(r.config)));
  put_devices(r.devices, to.initDevices(count(r.devices)));
  put(r.profiles, to.initProfiles(count(r.profiles)));
  to.setEphemeral(r.ephemeral);
  to.setStateful(r.stateful);
  to.setOwner(r.owner.value);
  to.setGeneration(r.generation);
  to.setWanted(static_cast<std::uint8_t>(r.wanted));
  to.setStatus(static_cast<std::uint8_t>(r.status));
  to.setLastUsedMs(r.last_used_ms);
  to.setOperation(text(r.operation));
}
result<object> get_row(wire::Instance::Reader from) {
  auto wanted = checked(from.getWanted(), power::frozen);
  auto seen = checked(from.getStatus(), instance_status::error);
  if (!wanted) return wanted.error();
  if (!seen) return seen.error();
  instance r;
  r.name = text(from.getName());
  r.uuid = text(from.getUuid());
  r.architecture = text(from.getArchitecture());
  r.type = text(from.getType());
  r.description = text(from.getDescription());
  r.image_fingerprint = text(from.getImageFingerprint());
  r.config = get(from.getConfig());
  r.devices = get_devices(from.getDevices());
  r.profiles = get(from.getProfiles());
  r.ephemeral = from.getEphemeral();
  r.stateful = from.getStateful();
  r.owner = {from.getOwner()};
  r.generation = from.getGeneration();
  r.wanted = *wanted;
  r.status = *seen;
  r.last_used_ms = from.getLastUsedMs();
  r.operation = text(from.getOperation());
  return object{std::move(r)};
}

void put_row(const proposer& r, wire::Row::Builder row) {
  auto to = row.initProposer();
  to.setCurrent(r.current.value);
  to.setLow(r.low);
  to.setHigh(r.high);
}
proposer get_row(wire::Proposer::Reader from) {
  proposer r;
  r.current = {from.getCurrent()};
  r.low = from.getLow();
  r.high = from.getHigh();
  return r;
}

void put_row(const seen_request& r, wire::Row::Builder row) {
  auto seen = row.initSeenRequest();
  seen.setSequence(r.sequence);
  auto to = seen.initResult();
  to.setDone(r.result.done);
  to.setCode(static_cast<std::uint8_t>(r.result.why.code));
  to.setText(text(r.result.why.detail));
  to.setId(r.result.id.value);
  to.setDetail(text(r.result.detail));
}
result<object> get_row(wire::SeenRequest::Reader from) {
  auto in = from.getResult();
  auto code = checked(in.getCode(), errc::corrupt);
  if (!code) return code.error();
  seen_request r;
  r.sequence = from.getSequence();
  r.result.done = in.getDone();
  r.result.why = {*code, text(in.getText())};
  r.result.id = {in.getId()};
  r.result.detail = text(in.getDetail());
  return object{std::move(r)};
}

void put_row(const event& r, wire::Row::Builder row) {
  auto to = row.initEvent();
  to.setAction(text(r.action));
  to.setSource(text(r.source));
  to.setName(text(r.name));
  to.setProject(text(r.project));
  put(r.context, to.initContext(count(r.context)));
  put(r.who, to.initWho());
  to.setBy(r.by.value);
  to.setNumber(r.number);
}
event get_row(wire::Event::Reader from) {
  event r;
  r.action = text(from.getAction());
  r.source = text(from.getSource());
  r.name = text(from.getName());
  r.project = text(from.getProject());
  r.context = get(from.getContext());
  r.who = get(from.getWho());
  r.by = {from.getBy()};
  r.number = from.getNumber();
  return r;
}

void put_row(const member_standing& r, wire::Row::Builder row) {
  auto to = row.initMemberStanding();
  to.setIsOffline(r.is_offline);
  to.setSilentSinceMs(r.silent_since_ms);
  to.setRole(text(r.role));
  to.setRoleReason(text(r.role_reason));
  to.setRoleSinceMs(r.role_since_ms);
  to.setLevel(r.level);
}
member_standing get_row(wire::MemberStanding::Reader from) {
  member_standing r;
  r.is_offline = from.getIsOffline();
  r.silent_since_ms = from.getSilentSinceMs();
  r.role = text(from.getRole());
  r.role_reason = text(from.getRoleReason());
  r.role_since_ms = from.getRoleSinceMs();
  r.level = from.getLevel();
  return r;
}

void put_row(const cluster_group& r, wire::Row::Builder row) {
  auto to = row.initClusterGroup();
  to.setName(text(r.name));
  to.setDescription(text(r.description));
  put(r.config, to.initConfig(count(r.config)));
}
cluster_group get_row(wire::ClusterGroup::Reader from) {
  return {{}, text(from.getName()), text(from.getDescription()), get(from.getConfig())};
}

void put_row(const removed_member& r, wire::Row::Builder row) {
  auto to = row.initRemovedMember();
  to.setFingerprint(text(r.fingerprint));
  to.setName(text(r.name));
  to.setAddress(text(r.address));
  to.setForced(r.forced);
  to.setBy(text(r.by));
}
removed_member get_row(wire::RemovedMember::Reader from) {
  return {{},
          text(from.getFingerprint()),
          text(from.getName()),
          text(from.getAddress()),
          from.getForced(),
          text(from.getBy())};
}

/// Events, and what came after them.
result<object> get_later(wire::Row::Reader from) {
  switch (from.which()) {
    case wire::Row::EVENT:
      return object{get_row(from.getEvent())};
    case wire::Row::MEMBER_STANDING:
      return object{get_row(from.getMemberStanding())};
    case wire::Row::CLUSTER_GROUP:
      return object{get_row(from.getClusterGroup())};
    case wire::Row::REMOVED_MEMBER:
      return object{get_row(from.getRemovedMember())};
    case wire::Row::WARNING:
      return get_row(from.getWarning());
    case wire::Row::LEFTOVER:
      return get_row(from.getLeftover());
    default:
      return fail(errc::corrupt, "a row of a kind this version does not know");
  }
}

result<object> get_any(wire::Row::Reader from) {
  switch (from.which()) {
    case wire::Row::COUNTERS:
      return object{get_row(from.getCounters())};
    case wire::Row::CLUSTER:
      return object{get_row(from.getCluster())};
    case wire::Row::SERVER_CONFIG:
      return object{get_row(from.getServerConfig())};
    case wire::Row::MEMBER:
      return get_row(from.getMember());
    case wire::Row::CERTIFICATE:
      return object{get_row(from.getCertificate())};
    case wire::Row::TOKEN:
      return get_row(from.getToken());
    case wire::Row::PROJECT:
      return object{get_row(from.getProject())};
    case wire::Row::PROFILE:
      return object{get_row(from.getProfile())};
    case wire::Row::STORAGE_POOL:
      return get_row(from.getStoragePool());
    case wire::Row::NETWORK:
      return get_row(from.getNetwork());
    case wire::Row::IMAGE:
      return object{get_row(from.getImage())};
    case wire::Row::IMAGE_ALIAS:
      return object{get_row(from.getImageAlias())};
    case wire::Row::INSTANCE:
      return get_row(from.getInstance());
    case wire::Row::PROPOSER:
      return object{get_row(from.getProposer())};
    case wire::Row::SEEN_REQUEST:
      return get_row(from.getSeenRequest());
    default:
      return get_later(from);
  }
}

}  // namespace

void put(const object& row, wire::Row::Builder to) {
  const auto& head = head_of(row);
  auto h = to.initHead();
  h.setId(head.id.value);
  h.setProject(head.project.value);
  h.setCreated(head.created.value);
  h.setModified(head.modified.value);
  h.setCreatedMs(head.created_ms);
  h.setModifiedMs(head.modified_ms);
  std::visit([&](const auto& r) { put_row(r, to); }, row);
}

result<object> get(wire::Row::Reader from) {
  auto row = get_any(from);
  if (!row) return row;
  auto h = from.getHead();
  head_of(*row) = {{h.getId()},       {h.getProject()}, {h.getCreated()},
                   {h.getModified()}, h.getCreatedMs(), h.getModifiedMs()};
  return row;
}

}  // namespace detail

blob encode(const object& row) {
  capnp::word scratch[256] = {};
  capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 256));
  detail::put(row, message.initRoot<wire::Row>());
  return detail::flatten(message);
}

result<object> decode_row(std::string_view bytes) {
  const blob aligned = blob::copy_of(bytes);
  return detail::with_root<wire::Row>(detail::words_of(aligned),
                                      [](wire::Row::Reader row) { return detail::get(row); });
}

}  // namespace muster::codec
