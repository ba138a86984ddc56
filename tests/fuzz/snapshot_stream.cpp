#include "storage/snapshots/incoming_snapshot.hpp"
#include "storage/snapshots/snapshot_files.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <filesystem>
#include <string>
#include <unistd.h>

/// A snapshot as it comes from another member: the first byte says how, two say how long the
/// manifest is, then it comes, then the chunks one behind the other. If the first byte is odd, the
/// digests of the manifest are put right, so that what lies behind them is reached; its second bit
/// breaks the connection off half-way, and the fetch goes on.
namespace {

using namespace muster;
using storage::incoming_snapshot;
using storage::snapshot_manifest;
namespace fs = std::filesystem;

const fs::path& place() {
  static const fs::path made = [] {
    const fs::path memory = "/dev/shm";
    auto parent = fs::exists(memory) ? memory : fs::temp_directory_path();
    return parent / ("snapshot_stream." + std::to_string(::getpid()));
  }();
  return made;
}

/// Plain files in the directory itself, and nothing beside it.
void check_files() {
  for (const auto& entry : fs::directory_iterator(place())) {
    fuzz::expect(entry.path().filename() == "state");
    for (const auto& file : fs::recursive_directory_iterator(entry.path())) {
      const bool is_place = file.path() == storage::incoming_directory(place());
      fuzz::expect(is_place || (file.is_regular_file() && !file.is_symlink()));
    }
  }
}

/// The same manifest, but with digests of what will come.
std::string with_digests(const std::string& manifest, std::string_view chunks) {
  auto m = codec::decode_snapshot_manifest(manifest);
  if (!m.ok() || m->chunk_bytes == 0) return manifest;
  for (auto& f : m->files) {
    const auto content = chunks.substr(0, f.size_bytes);
    if (content.size() < f.size_bytes) return manifest;
    chunks.remove_prefix(content.size());
    f.digests.clear();
    for (std::size_t at = 0; at < content.size(); at += m->chunk_bytes)
      f.digests += sha256(content.substr(at, m->chunk_bytes));
  }
  return std::string(codec::encode(*m).bytes());
}

/// Gives the chunks from the first that is missing to `end`. False: one does not fit.
bool give(incoming_snapshot& in, std::string_view chunks, std::size_t end) {
  for (std::size_t n = 0; n < end; ++n) {
    const auto bytes = in.manifest().chunks()[n].bytes;
    const bool is_wanted = in.next_missing() == n;
    if (is_wanted && !in.keep(n, chunks.substr(0, bytes)).ok()) return false;
    chunks.remove_prefix(std::min(bytes, chunks.size()));
  }
  return true;
}

/// What was accepted goes out again as the same content.
void send_again(const snapshot_manifest& came) {
  auto again = snapshot_manifest::describe(storage::incoming_directory(place()), came.index());
  fuzz::expect(again.ok() && again->files().size() == came.files().size());
  for (std::size_t i = 0; i < came.files().size(); ++i)
    fuzz::expect(again->files()[i].name == came.files()[i].name &&
                 again->files()[i].size_bytes == came.files()[i].size_bytes);
}

void take(std::uint8_t how, std::string manifest, std::string_view chunks) {
  if (how & 1) manifest = with_digests(manifest, chunks);
  auto what = snapshot_manifest::read(std::move(manifest));
  if (!what.ok() || what->files().size() > 64) return;
  auto in = incoming_snapshot::begin(place(), *std::move(what));
  fuzz::expect(in.ok());
  const auto all = in->manifest().chunks().size();
  if (how & 2) {
    const bool came = give(*in, chunks, all / 2);
    auto left = incoming_snapshot::find(place());
    fuzz::expect(left && left->chunks_here() >= in->chunks_here() &&
                 (!came || left->chunks_here() >= all / 2));
    in = *std::move(left);
  }
  const bool whole = give(*in, chunks, all);
  fuzz::expect(whole == !in->next_missing().has_value());
  fuzz::expect(whole == in->finish().ok());
  check_files();
  if (whole) send_again(in->manifest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::size_t length = std::size_t{data[1]} * 256 + data[2];
  const auto rest = fuzz::text(data + 3, size - 3);
  take(data[0], std::string(rest.substr(0, length)), rest.substr(std::min(length, rest.size())));
  fs::remove_all(place());
  return 0;
}
