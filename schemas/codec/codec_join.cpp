#include "schemas/codec/codec.hpp"
#include "schemas/codec/codec_common.hpp"

namespace muster::codec {

using detail::text;

blob encode(const join_request& j) {
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<wire::JoinRequest>();
  to.setName(text(j.name));
  to.setAddress(text(j.address));
  to.setArchitecture(text(j.architecture));
  to.setSecret(text(j.secret));
  detail::put(j.member_config, to.initMemberConfig(static_cast<unsigned>(j.member_config.size())));
  return detail::flatten(message);
}

result<join_request> decode_join_request(std::string_view bytes) {
  const auto words = blob::copy_of(bytes);
  return detail::with_root<wire::JoinRequest>(
      detail::words_of(words), [](wire::JoinRequest::Reader j) -> result<join_request> {
        auto config = detail::get(j.getMemberConfig());
        if (!config) return config.error();
        return join_request{text(j.getName()), text(j.getAddress()), text(j.getArchitecture()),
                            text(j.getSecret()), *std::move(config)};
      });
}

blob encode(const join_accepted& j) {
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<wire::JoinAccepted>();
  to.setMember(j.member.value);
  to.setClusterUuid(text(j.cluster_uuid));
  to.setEpochCounter(j.epoch_counter);
  to.setEpochRandom(j.epoch_random);
  to.setCertificate(text(j.certificate));
  to.setKey(text(j.key));
  auto peers = to.initPeers(static_cast<unsigned>(j.peers.size()));
  for (unsigned i = 0; i < peers.size(); ++i) {
    peers[i].setId(j.peers[i].id.value);
    peers[i].setName(text(j.peers[i].name));
    peers[i].setAddress(text(j.peers[i].address));
    peers[i].setFingerprint(text(j.peers[i].fingerprint));
  }
  return detail::flatten(message);
}

result<join_accepted> decode_join_accepted(std::string_view bytes) {
  const auto words = blob::copy_of(bytes);
  return detail::with_root<wire::JoinAccepted>(
      detail::words_of(words), [](wire::JoinAccepted::Reader j) -> result<join_accepted> {
        join_accepted a{{j.getMember()},
                        text(j.getClusterUuid()),
                        j.getEpochCounter(),
                        j.getEpochRandom(),
                        text(j.getCertificate()),
                        text(j.getKey()),
                        {}};
        for (auto p : j.getPeers())
          a.peers.push_back(
              {{p.getId()}, text(p.getName()), text(p.getAddress()), text(p.getFingerprint())});
        return a;
      });
}

}  // namespace muster::codec
