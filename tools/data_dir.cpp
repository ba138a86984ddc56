#include "tools/data_dir.hpp"

#include "actors/instances/running.hpp"
#include "storage/disk/folder_modes.hpp"
#include "storage/identity.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::tools {

result<std::string> enter_data_dir(const std::string& as_typed) {
  const bool is_new = ::mkdir(as_typed.c_str(), 0711) == 0;
  if (!is_new && errno != EEXIST)
    return fail(errc::bad_request, "cannot make " + as_typed + ": " + std::strerror(errno));
  if (is_new) ::chmod(as_typed.c_str(), 0711);  // whatever the umask says
  std::error_code failed;
  const auto name = std::filesystem::canonical(as_typed, failed).string();
  if (failed) return fail(errc::bad_request, as_typed + ": " + failed.message());
  const auto file = name + "/data-dir";
  auto kept = storage::read_file(file, 64u << 10);
  if (!kept && kept.error().code != errc::not_found) return kept.error();
  if (kept && *kept == name) {
    storage::close_folders(name);
    return name;
  }
  if (kept)
    if (const auto running = instances::running_in(name); !running.empty())
      return fail(errc::refused, name + " was " + *kept +
                                     " when its containers were started, and " +
                                     instances::names_of(running) +
                                     " still run: start this server with --data-dir " + *kept +
                                     ", or end those processes first");
  auto stored = storage::write_file_durably(file, name);
  if (!stored) return stored.error();
  storage::close_folders(name);
  return name;
}

}  // namespace muster::tools
