#include "storage/snapshot_files.hpp"

#include "storage/identity.hpp"
#include "storage/keys.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <vector>

namespace muster::storage {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t digest_bytes = 32;
constexpr std::size_t name_bytes_max = 255;

class sha256 {
public:
  sha256() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string finish() {
    std::string digest(digest_bytes, '\0');
    EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
    return digest;
  }

private:
  struct release {
    void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  };
  std::unique_ptr<EVP_MD_CTX, release> context_{EVP_MD_CTX_new()};
};

struct file {
  int fd = -1;
  ~file() { close(); }
  file() = default;
  file(const file&) = delete;
  file& operator=(const file&) = delete;
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

/// Header of one file: length of the name, the name, size of the content.
std::string header_of(const std::string& name, std::uint64_t size) {
  return keys::big_endian(name.size()) + name + keys::big_endian(size);
}

}  // namespace

struct snapshot_sender::state {
  fs::path directory;
  std::vector<std::pair<std::string, std::uint64_t>> files;
  std::size_t at = 0;
  std::uint64_t left = 0;  ///< bytes of the open file
  std::string pending;     ///< header or digest not yet given out
  file open;
  sha256 digest;
  bool ended = false;
};

snapshot_sender::snapshot_sender() : state_(std::make_unique<state>()) {}

snapshot_sender::~snapshot_sender() {
  std::error_code ignored;
  fs::remove_all(state_->directory, ignored);
}

result<std::unique_ptr<snapshot_sender>> snapshot_sender::open(const std::string& directory) {
  std::unique_ptr<snapshot_sender> sender(new snapshot_sender);
  sender->state_->directory = directory;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory, failed))
    if (entry.is_regular_file())
      sender->state_->files.emplace_back(entry.path().filename().string(), entry.file_size());
  if (failed) return fail(errc::corrupt, "cannot list the checkpoint: " + failed.message());
  std::sort(sender->state_->files.begin(), sender->state_->files.end());
  return sender;
}

std::uint64_t snapshot_sender::size_bytes() const {
  std::uint64_t sum = 8 + digest_bytes;
  for (const auto& [name, size] : state_->files) sum += 16 + name.size() + size;
  return sum;
}

result<std::string> snapshot_sender::next(std::size_t max) {
  auto& s = *state_;
  if (s.pending.empty() && s.left == 0 && !s.ended) {
    if (s.at < s.files.size()) {
      const auto& [name, size] = s.files[s.at++];
      s.open.close();
      s.open.fd = ::open((s.directory / name).c_str(), O_RDONLY | O_CLOEXEC);
      if (s.open.fd < 0) return fail(errc::corrupt, "cannot open a file of the checkpoint");
      s.pending = header_of(name, size);
      s.left = size;
    } else {
      s.pending = keys::big_endian(0);
      s.digest.add(s.pending);
      s.pending += s.digest.finish();
      s.ended = true;
    }
    if (!s.ended) s.digest.add(s.pending);
  }
  if (!s.pending.empty()) {
    std::string part = s.pending.substr(0, max);
    s.pending.erase(0, part.size());
    return part;
  }
  std::string part(static_cast<std::size_t>(std::min<std::uint64_t>(max, s.left)), '\0');
  if (part.empty()) return part;
  const auto n = ::read(s.open.fd, part.data(), part.size());
  if (n <= 0) return fail(errc::corrupt, "a file of the checkpoint is shorter than it was");
  part.resize(static_cast<std::size_t>(n));
  s.left -= part.size();
  s.digest.add(part);
  return part;
}

struct snapshot_receiver::state {
  enum class expects { name_length, name, size, content, digest, nothing };
  fs::path directory;
  expects now = expects::name_length;
  std::string buffer;           ///< bytes of a field not yet whole
  std::size_t field_bytes = 8;  ///< how many it needs
  std::string name;
  std::uint64_t left = 0;
  file open;
  sha256 digest;
  std::string expected_digest;
};

snapshot_receiver::snapshot_receiver() : state_(std::make_unique<state>()) {}
snapshot_receiver::~snapshot_receiver() = default;

result<std::unique_ptr<snapshot_receiver>> snapshot_receiver::open(const std::string& directory) {
  std::unique_ptr<snapshot_receiver> receiver(new snapshot_receiver);
  receiver->state_->directory = directory;
  std::error_code failed;
  fs::remove_all(directory, failed);
  if (!failed) fs::create_directories(directory, failed);
  if (failed) return fail(errc::refused, "cannot make " + directory + ": " + failed.message());
  return receiver;
}

namespace {

status write_part(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n <= 0) return fail(errc::refused, "cannot write a file of the snapshot");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return ok();
}

}  // namespace

status snapshot_receiver::take(std::string_view bytes) {
  using expects = state::expects;
  auto& s = *state_;
  const auto expect = [&s](expects what, std::size_t field_bytes) {
    s.now = what;
    s.field_bytes = field_bytes;
    s.buffer.clear();
  };
  while (!bytes.empty()) {
    if (s.now == expects::nothing) return fail(errc::corrupt, "bytes behind the end of a snapshot");
    if (s.now == expects::content) {
      const auto part =
          bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), s.left)));
      if (auto written = write_part(s.open.fd, part); !written) return written;
      s.digest.add(part);
      s.left -= part.size();
      bytes.remove_prefix(part.size());
      if (s.left == 0) expect(expects::name_length, 8);
      continue;
    }
    const auto part = bytes.substr(0, s.field_bytes - s.buffer.size());
    s.buffer += part;
    bytes.remove_prefix(part.size());
    if (s.buffer.size() < s.field_bytes) break;
    if (s.now != expects::digest) s.digest.add(s.buffer);
    switch (s.now) {
      case expects::name_length: {
        const auto length = keys::read_big_endian(s.buffer);
        if (length > name_bytes_max) return fail(errc::corrupt, "a name in a snapshot is too long");
        expect(length ? expects::name : expects::digest,
               length ? static_cast<std::size_t>(length) : digest_bytes);
        break;
      }
      case expects::name:
        s.name = s.buffer;
        if (s.name.find('/') != std::string::npos || s.name.starts_with('.'))
          return fail(errc::corrupt, "a name in a snapshot is not a plain file name");
        expect(expects::size, 8);
        break;
      case expects::size:
        s.left = keys::read_big_endian(s.buffer);
        if (s.open.fd >= 0 && ::fsync(s.open.fd) != 0)
          return fail(errc::refused, "cannot sync a file of the snapshot");
        s.open.close();
        s.open.fd =
            ::open((s.directory / s.name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (s.open.fd < 0) return fail(errc::refused, "cannot make a file of the snapshot");
        if (s.left == 0)
          expect(expects::name_length, 8);
        else
          expect(expects::content, 0);
        break;
      case expects::digest:
        s.expected_digest = s.buffer;
        expect(expects::nothing, 0);
        break;
      case expects::content:
      case expects::nothing:
        break;
    }
  }
  return ok();
}

status snapshot_receiver::finish() {
  auto& s = *state_;
  if (s.now != state::expects::nothing) return fail(errc::corrupt, "the snapshot is not whole");
  if (s.digest.finish() != s.expected_digest)
    return fail(errc::corrupt, "the checksum of the snapshot does not hold");
  if (s.open.fd >= 0 && ::fsync(s.open.fd) != 0)
    return fail(errc::refused, "cannot sync a file of the snapshot");
  s.open.close();
  return sync_directory(s.directory);
}

// --- where the state lies ---

namespace {

/// Highest N of DIR/state/N; 0: none.
std::uint64_t state_number(const std::string& data_dir) {
  std::uint64_t highest = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(state_root(data_dir), ignored)) {
    const auto name = entry.path().filename().string();
    std::uint64_t n = 0;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), n);
    if (read.ec == std::errc{} && read.ptr == name.data() + name.size())
      highest = std::max(highest, n);
  }
  return highest;
}

std::string numbered(const std::string& data_dir, std::uint64_t n) {
  return state_root(data_dir) + "/" + std::to_string(n);
}

}  // namespace

std::string state_root(const std::string& data_dir) { return data_dir + "/state"; }
std::string incoming_directory(const std::string& data_dir) {
  return state_root(data_dir) + "/incoming";
}
std::string state_directory(const std::string& data_dir) {
  return numbered(data_dir, std::max<std::uint64_t>(state_number(data_dir), 1));
}
std::string outgoing_directory(const std::string& data_dir, std::uint64_t n) {
  return state_root(data_dir) + "/outgoing." + std::to_string(n);
}

status install_snapshot(const std::string& data_dir) {
  std::error_code failed;
  const auto place = numbered(data_dir, std::max<std::uint64_t>(state_number(data_dir), 1) + 1);
  fs::rename(incoming_directory(data_dir), place, failed);
  if (failed) return fail(errc::refused, "cannot put the snapshot in place: " + failed.message());
  return sync_directory(state_root(data_dir));
}

status prepare_state(const std::string& data_dir) {
  std::error_code failed;
  fs::create_directories(state_root(data_dir), failed);
  const auto kept = fs::path(state_directory(data_dir)).filename();
  if (!failed)
    for (const auto& entry : fs::directory_iterator(state_root(data_dir), failed))
      if (entry.path().filename() != kept) fs::remove_all(entry.path(), failed);
  if (failed)
    return fail(errc::refused, "cannot prepare " + state_root(data_dir) + ": " + failed.message());
  return ok();
}

}  // namespace muster::storage
