#include "schemas/codec/codec.hpp"
#include "schemas/codec/codec_common.hpp"

namespace muster::codec {

using detail::text;

blob encode(const probe_report& p) {
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<wire::ProbeReport>();
  to.setName(text(p.name));
  to.setVersion(text(p.version));
  to.setRole(text(p.role));
  to.setTerm(p.term.value);
  to.setLeader(text(p.leader));
  to.setCommit(p.commit.value);
  to.setApplied(p.applied.value);
  auto members = to.initMembers(static_cast<unsigned>(p.members.size()));
  for (unsigned i = 0; i < members.size(); ++i) members.set(i, text(p.members[i]));
  to.setUptimeMs(p.uptime_ms);
  return detail::flatten(message);
}

result<probe_report> decode_probe_report(const blob& bytes) {
  return detail::with_root<wire::ProbeReport>(
      detail::words_of(bytes), [](wire::ProbeReport::Reader p) -> result<probe_report> {
        probe_report r;
        r.name = text(p.getName());
        r.version = text(p.getVersion());
        r.role = text(p.getRole());
        r.term = {p.getTerm()};
        r.leader = text(p.getLeader());
        r.commit = {p.getCommit()};
        r.applied = {p.getApplied()};
        for (auto m : p.getMembers()) r.members.push_back(text(m));
        r.uptime_ms = p.getUptimeMs();
        return r;
      });
}

}  // namespace muster::codec
