#include "schemas/codec/codec.hpp"
#include "schemas/codec/codec_common.hpp"

namespace muster::codec {

using detail::text;

blob encode(const snapshot_manifest& m) {
  capnp::MallocMessageBuilder message;
  auto to = message.initRoot<wire::SnapshotManifest>();
  to.setIndex(m.index.value);
  to.setChunkBytes(m.chunk_bytes);
  auto files = to.initFiles(static_cast<unsigned>(m.files.size()));
  for (unsigned i = 0; i < files.size(); ++i) {
    const auto& from = m.files[i];
    files[i].setName(text(from.name));
    files[i].setSizeBytes(from.size_bytes);
    files[i].setDigests(
        {reinterpret_cast<const kj::byte*>(from.digests.data()), from.digests.size()});
  }
  return detail::flatten(message);
}

result<snapshot_manifest> decode_snapshot_manifest(std::string_view bytes) {
  const auto words = blob::copy_of(bytes);
  return detail::with_root<wire::SnapshotManifest>(
      detail::words_of(words), [](wire::SnapshotManifest::Reader m) -> result<snapshot_manifest> {
        snapshot_manifest out{{m.getIndex()}, m.getChunkBytes(), {}};
        for (auto f : m.getFiles()) {
          const auto digests = f.getDigests();
          out.files.push_back({text(f.getName()),
                               f.getSizeBytes(),
                               {reinterpret_cast<const char*>(digests.begin()), digests.size()}});
        }
        return out;
      });
}

}  // namespace muster::codec
