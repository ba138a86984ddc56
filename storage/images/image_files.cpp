#include "storage/images/image_files.hpp"

#include "storage/disk/descriptor.hpp"
#include "storage/identity.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::storage {

namespace {

constexpr std::uint64_t image_bytes_max = 64ull << 30;

std::string images_directory(const std::string& data_dir) { return data_dir + "/images"; }

std::mutex incoming_lock;
std::multiset<std::string> incoming;  ///< paths of files that are about to come, or have just come

failure disk_failure(const std::string& path) {
  return fail(errc::unavailable, "cannot write " + path + ": " + std::strerror(errno));
}

}  // namespace

bool is_fingerprint(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string image_path(const std::string& data_dir, const std::string& fingerprint) {
  return images_directory(data_dir) + "/" + fingerprint;
}

bool has_image(const std::string& data_dir, const std::string& fingerprint) {
  return !fingerprint.empty() && ::access(image_path(data_dir, fingerprint).c_str(), R_OK) == 0;
}

void remove_image(const std::string& data_dir, const std::string& fingerprint,
                  const std::function<bool()>& is_wanted) {
  const auto path = image_path(data_dir, fingerprint);
  const std::lock_guard guard(incoming_lock);
  if (incoming.count(path) == 0 && !is_wanted()) ::unlink(path.c_str());
}

status check_fingerprint(const std::string& path, const std::string& fingerprint) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return fail(errc::unavailable, path + ": " + std::strerror(errno));
  running_sha256 digest;
  std::vector<char> part(1u << 18);
  for (;;) {
    const auto n = ::read(file.fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errc::unavailable, path + ": " + std::strerror(errno));
    if (n == 0) break;
    digest.take({part.data(), static_cast<std::size_t>(n)});
  }
  if (const auto found = hex(digest.finish()); found != fingerprint)
    return fail(errc::corrupt, "the file " + path + " is damaged: its fingerprint is " + found);
  return ok();
}

std::vector<std::string> images_older_than(const std::string& data_dir, std::chrono::minutes age) {
  std::vector<std::string> all;
  std::error_code failed;
  const auto since = std::filesystem::file_time_type::clock::now() - age;
  for (const auto& file : std::filesystem::directory_iterator(images_directory(data_dir), failed))
    if (const auto name = file.path().filename().string();
        !name.starts_with(".") && file.last_write_time(failed) < since && !failed)
      all.push_back(name);
  return all;
}

void remove_unfinished_images(const std::string& data_dir) {
  std::error_code ignored;
  const auto since = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  for (const auto& file :
       std::filesystem::directory_iterator(images_directory(data_dir), ignored)) {
    const auto name = file.path().filename().string();
    const bool is_fresh = name.starts_with(".coming.") && file.last_write_time(ignored) > since;
    if (name.starts_with(".") && !is_fresh) std::filesystem::remove(file.path(), ignored);
  }
}

incoming_mark::incoming_mark(const std::string& data_dir, const std::string& fingerprint)
    : path_(image_path(data_dir, fingerprint)) {
  const std::lock_guard guard(incoming_lock);
  incoming.insert(path_);
}

incoming_mark::~incoming_mark() {
  const std::lock_guard guard(incoming_lock);
  incoming.erase(incoming.find(path_));
}

image_upload::image_upload(std::string data_dir, std::string path, int fd)
    : data_dir_(std::move(data_dir)), file_(std::move(path), fd) {}

image_upload::~image_upload() {
  if (!is_kept_) ::unlink(path().c_str());
}

result<std::unique_ptr<image_upload>> image_upload::begin(const std::string& data_dir) {
  static std::atomic<std::uint64_t> number{0};
  const auto directory = images_directory(data_dir);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return disk_failure(directory);
  const auto path = directory + "/.upload." + std::to_string(number++);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return disk_failure(path);
  return std::unique_ptr<image_upload>(new image_upload(data_dir, path, fd));
}

status image_upload::take(std::string_view part) {
  if (size_bytes() + part.size() > image_bytes_max)
    return fail(errc::too_large, "the image is too large");
  digest_.take(part);
  return file_.append(part);
}

const std::string& image_upload::finish() {
  if (!fingerprint_.empty()) return fingerprint_;
  fingerprint_ = hex(digest_.finish());
  mark_ = std::make_unique<incoming_mark>(data_dir_, fingerprint_);
  file_.begin_sync();
  return fingerprint_;
}

status image_upload::keep() {
  if (auto synced = file_.sync(); !synced) return synced;
  const auto place = image_path(data_dir_, fingerprint_);
  if (::rename(path().c_str(), place.c_str()) != 0) return disk_failure(place);
  is_kept_ = true;
  return sync_directory(images_directory(data_dir_));
}

}  // namespace muster::storage
