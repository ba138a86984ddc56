#include "storage/images/incoming_image.hpp"

#include "storage/disk/descriptor.hpp"
#include "storage/identity.hpp"
#include "storage/images/image_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::storage {

namespace {

failure no_disk(const std::string& what) {
  return fail(errc::unavailable, what + ": " + std::strerror(errno));
}

}  // namespace

std::string incoming_path(const std::string& data_dir, const std::string& fingerprint) {
  return data_dir + "/images/.coming." + fingerprint;
}

result<std::shared_ptr<incoming_image>> incoming_image::begin(const std::string& data_dir,
                                                              const std::string& fingerprint,
                                                              image_chunks what) {
  const auto folder = data_dir + "/images";
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return no_disk(folder);
  const auto path = incoming_path(data_dir, fingerprint);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return no_disk(path);
  return std::shared_ptr<incoming_image>(
      new incoming_image(data_dir, fingerprint, std::move(what), fd));
}

incoming_image::incoming_image(std::string data_dir, std::string fingerprint, image_chunks what,
                               int fd)
    : data_dir_(std::move(data_dir)),
      fingerprint_(std::move(fingerprint)),
      what_(std::move(what)),
      file_(incoming_path(data_dir_, fingerprint_), fd, find_what_is_here(fd)),
      here_(file_.size_bytes()) {}

std::uint64_t incoming_image::find_what_is_here(int fd) {
  std::string content(image_chunks::chunk_bytes, '\0');
  std::uint64_t here = 0;
  for (std::size_t n = 0; n < what_.digests.size(); ++n) {
    const auto size = static_cast<std::size_t>(what_.bytes_of(n));
    if (read_at(fd, here, content.data(), size) != size ||
        sha256({content.data(), size}) != what_.digests[n])
      break;
    digest_.take({content.data(), size});
    here += size;
  }
  (void)!::ftruncate(fd, static_cast<off_t>(here));
  return here;
}

std::uint64_t incoming_image::here() const {
  const std::lock_guard guard(lock_);
  return here_;
}

status incoming_image::take(std::string_view part) {
  while (!part.empty()) {
    const auto from = here();
    if (from >= what_.size_bytes) return fail(errc::corrupt, "more comes than the file has");
    const auto n = static_cast<std::size_t>(from / image_chunks::chunk_bytes);
    const auto size = static_cast<std::size_t>(what_.bytes_of(n));
    const auto taken = std::min(part.size(), size - part_.size());
    part_ += part.substr(0, taken);
    part.remove_prefix(taken);
    if (part_.size() < size) continue;
    if (sha256(part_) != what_.digests[n])
      return fail(errc::corrupt, "a chunk of the image came damaged");
    if (auto written = write_chunk(); !written) return written;
  }
  return ok();
}

status incoming_image::write_chunk() {
  if (auto written = file_.append(part_); !written) return written;
  digest_.take(part_);
  part_.clear();
  const std::lock_guard guard(lock_);
  here_ = file_.size_bytes();
  changed_.notify_all();
  return ok();
}

status incoming_image::keep() {
  if (here() != what_.size_bytes) return fail(errc::unavailable, "not all of the image has come");
  if (hex(digest_.finish()) != fingerprint_) {
    ::unlink(file_.path().c_str());
    give_up();
    return fail(errc::corrupt, "what came is another file than the image");
  }
  if (auto synced = file_.sync(); !synced) return synced;
  const incoming_mark mark(data_dir_, fingerprint_);
  const auto place = image_path(data_dir_, fingerprint_);
  if (::rename(file_.path().c_str(), place.c_str()) != 0) return no_disk(place);
  return sync_directory(data_dir_ + "/images");
}

result<std::string> incoming_image::read(std::uint64_t from, std::size_t most,
                                         clock::time_point until) {
  std::uint64_t here = 0;
  {
    std::unique_lock guard(lock_);
    if (from >= what_.size_bytes) return std::string();
    changed_.wait_until(guard, until, [&] { return here_ > from || is_over_; });
    here = here_;
  }
  if (here <= from) return fail(errc::unavailable, "the image does not come here any more");
  std::string part(static_cast<std::size_t>(std::min<std::uint64_t>(most, here - from)), '\0');
  if (read_at(file_.fd(), from, part.data(), part.size()) != part.size())
    return fail(errc::unavailable, "the image cannot be read");
  return part;
}

void incoming_image::give_up() {
  const std::lock_guard guard(lock_);
  is_over_ = true;
  changed_.notify_all();
}

}  // namespace muster::storage
