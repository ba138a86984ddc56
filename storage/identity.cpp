#include "storage/identity.hpp"

#include "storage/disk/descriptor.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>
#include <sys/stat.h>

namespace muster::storage {

namespace {

failure system_failure(const std::string& what, const std::string& path) {
  return fail(errno == ENOENT ? errc::not_found : errc::refused,
              what + " " + path + ": " + std::strerror(errno));
}

status write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const auto n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return system_failure("cannot write", path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return ok();
}

}  // namespace

status sync_directory(const std::string& path) {
  const descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd < 0 || ::fsync(directory.fd) != 0) return system_failure("cannot sync", path);
  return ok();
}

status write_file_durably(const std::string& path, std::string_view content, unsigned mode) {
  const std::string temporary = path + ".new";
  {
    const descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (file.fd < 0) return system_failure("cannot make", temporary);
    if (auto written = write_all(file.fd, content, temporary); !written) return written;
    if (::fchmod(file.fd, mode) != 0 || ::fsync(file.fd) != 0)
      return system_failure("cannot sync", temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return system_failure("cannot rename to", path);
  return sync_directory(std::filesystem::path(path).parent_path());
}

result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return system_failure("cannot open", path);
  std::string content;
  char buffer[8192];
  for (;;) {
    const auto n = ::read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure("cannot read", path);
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
    if (content.size() > bytes_max) return fail(errc::too_large, path + " is too large");
  }
}

result<identity> load_identity(const std::string& path) {
  auto content = read_file(path, 4096);
  if (!content) return content.error();
  std::map<std::string, std::string> fields;
  std::istringstream lines(*content);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(": ");
    if (colon != std::string::npos) fields[line.substr(0, colon)] = line.substr(colon + 2);
  }
  identity who;
  who.cluster_uuid = fields["cluster"];
  bool good = !who.cluster_uuid.empty();
  const auto number = [&](const char* key, std::uint64_t& value) {
    const auto& field = fields[key];
    const auto read = std::from_chars(field.data(), field.data() + field.size(), value);
    good = good && read.ec == std::errc{} && read.ptr == field.data() + field.size();
  };
  number("member", who.member.value);
  number("incarnation", who.started.value);
  number("epoch_counter", who.epoch_counter);
  number("epoch_random", who.epoch_random);
  if (!good) return fail(errc::corrupt, path + " is damaged: this server does not know who it is");
  return who;
}

status store_identity(const std::string& path, const identity& who) {
  std::ostringstream content;
  content << "cluster: " << who.cluster_uuid << "\nmember: " << who.member.value
          << "\nincarnation: " << who.started.value << "\nepoch_counter: " << who.epoch_counter
          << "\nepoch_random: " << who.epoch_random << "\n";
  return write_file_durably(path, content.str());
}

}  // namespace muster::storage
