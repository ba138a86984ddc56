#include "storage/snapshot_files.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <openssl/sha.h>

#include <filesystem>
#include <string>
#include <unistd.h>

/// A snapshot as it comes from another member, in parts of any size. The first byte is the size of
/// the parts; if it is odd the checksum is put right, so that what lies behind it is reached.
namespace {

using namespace muster;
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
    fuzz::expect(entry.path().filename() == "in");
    for (const auto& file : fs::directory_iterator(entry.path()))
      fuzz::expect(file.is_regular_file() && !file.is_symlink());
  }
}

/// What was accepted goes out again as something that is accepted.
void send_again() {
  const auto out = (place() / "in").string();
  auto sender = storage::snapshot_sender::open(out);
  if (!sender.ok()) return;
  auto second = storage::snapshot_receiver::open((place() / "again").string());
  fuzz::expect(second.ok());
  for (;;) {
    const auto part = (*sender)->next(7);
    fuzz::expect(part.ok());
    if (part->empty()) break;
    fuzz::expect((*second)->take(*part).ok());
  }
  fuzz::expect((*second)->finish().ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t part_bytes = 1 + data[0] / 2;
  std::string stream(fuzz::text(data + 1, size - 1));
  if (data[0] % 2 == 1) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(stream.data()), stream.size(), digest);
    stream.append(reinterpret_cast<const char*>(digest), sizeof digest);
  }
  fs::create_directories(place());
  bool whole = true;
  {
    auto receiver = storage::snapshot_receiver::open((place() / "in").string());
    fuzz::expect(receiver.ok());
    for (std::size_t at = 0; whole && at < stream.size(); at += part_bytes)
      whole = (*receiver)->take(std::string_view(stream).substr(at, part_bytes)).ok();
    whole = whole && (*receiver)->finish().ok();
    check_files();
  }
  if (whole) send_again();
  fs::remove_all(place());
  return 0;
}
